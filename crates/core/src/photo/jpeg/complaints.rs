//! The thin edge to libjpeg: what it complains about, and which complaints mean a broken picture.
//!
//! libjpeg fills what is missing with grey, emits a warning, and reports success.
//! Here a warning that means lost pixels ends the decoding at once, like an error does: by
//! unwinding with a [`Complaint`], which is how the mozjpeg crate expects errors to come. Warnings
//! about things that no viewer shows (stray bytes between segments, odd version numbers) are
//! nothing.

use std::mem;
use std::panic::resume_unwind;

use mozjpeg_sys::{
    J_MESSAGE_CODE, JWRN_HIT_MARKER, JWRN_HUFF_BAD_CODE, JWRN_MUST_RESYNC, jpeg_common_struct,
    jpeg_error_mgr, jpeg_std_error,
};

use super::super::Unreadable;

/// Warnings after which part of the picture is not what was photographed.
const PIXELS_LOST: [J_MESSAGE_CODE; 3] = [JWRN_HIT_MARKER, JWRN_HUFF_BAD_CODE, JWRN_MUST_RESYNC];

/// Why libjpeg stopped, in its own words.
#[derive(Debug)]
pub(super) struct Complaint {
    message: String,
}

impl Complaint {
    /// The same in the words of a photographer.
    pub(super) fn reason(self) -> Unreadable {
        if self.message.starts_with("Unsupported") || self.message.starts_with("Sorry") {
            Unreadable::Unusual(self.message)
        } else {
            Unreadable::Damaged(self.message)
        }
    }
}

/// An error manager that unwinds with a [`Complaint`], also for warnings that cost pixels.
pub(super) fn error_manager() -> jpeg_error_mgr {
    // SAFETY: the struct is plain C data (numbers, pointers, optional functions), for which all
    // zeros is a value, and `jpeg_std_error` only writes into it.
    let mut manager = unsafe {
        let mut manager: jpeg_error_mgr = mem::zeroed();
        jpeg_std_error(&mut manager);
        manager
    };
    manager.error_exit = Some(on_error);
    manager.emit_message = Some(on_message);
    manager
}

extern "C-unwind" fn on_error(jpeg: &mut jpeg_common_struct) {
    resume_unwind(Box::new(Complaint {
        message: message(jpeg),
    }));
}

/// `level` is below zero for warnings; the rest is for debugging libjpeg.
extern "C-unwind" fn on_message(jpeg: &mut jpeg_common_struct, level: i32) {
    // SAFETY: libjpeg calls with the manager that it was given, alive as long as the decoder is.
    let code = unsafe { jpeg.err.as_ref() }.map(|manager| manager.msg_code);
    if level < 0 && code.is_some_and(|code| PIXELS_LOST.contains(&code)) {
        on_error(jpeg);
    }
}

/// libjpeg's own sentence for its last complaint.
fn message(jpeg: &mut jpeg_common_struct) -> String {
    /// The length of buffer that libjpeg asks for (JMSG_LENGTH_MAX), and never exceeds.
    type Buffer = [u8; 200];
    type Declared = unsafe extern "C-unwind" fn(&mut jpeg_common_struct, &[u8; 80]);
    type Actual = unsafe extern "C-unwind" fn(&mut jpeg_common_struct, &mut Buffer);
    let mut buffer: Buffer = [0; 200];
    // SAFETY: as in `on_message`.
    let format = unsafe { jpeg.err.as_ref() }.and_then(|manager| manager.format_message);
    if let Some(format) = format {
        // SAFETY: in C the parameter is a plain `char *` that is written to; both types say so to
        // the same call, the binding's with a wrong length and without the writing.
        unsafe { mem::transmute::<Declared, Actual>(format)(jpeg, &mut buffer) };
    }
    let text = buffer.split(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}
