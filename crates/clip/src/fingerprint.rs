//! A model's fingerprint, under which vectors are stored: the same for the same files wherever they are, and another
//! when a file or this crate's arithmetic changes.
//!
//! It must take milliseconds only, so a large file is represented by its length and evenly spaced blocks. That
//! distinguishes published models; it does not detect weights edited between the blocks.

use crate::Error;
use crate::files::Files;

/// Must be incremented whenever the same files give other vectors than before.
const ENGINE_VERSION: u32 = 3;

/// Files up to this size are hashed completely.
const SMALL: u64 = 1 << 20;
/// Blocks that are hashed of a larger file, spread from its first byte to its last.
const BLOCKS: u64 = 64;
const BLOCK_BYTES: u64 = 16 << 10;

/// BLAKE3 over the engine's version and each file's name, length and contents, as 64 hex digits.
pub(crate) fn fingerprint(
    files: &Files,
    names: &[String],
    quantised: bool,
) -> Result<String, Error> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&ENGINE_VERSION.to_le_bytes());
    if quantised {
        hasher.update(b"int8");
    }
    let mut block = Vec::new();
    for name in names {
        let mut file = files.open(name)?;
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.update(&file.length.to_le_bytes());
        if file.length <= SMALL {
            block.resize(file.length as usize, 0);
            file.read_at(0, &mut block)?;
            hasher.update(&block);
        } else {
            block.resize(BLOCK_BYTES as usize, 0);
            let last = file.length - BLOCK_BYTES;
            for i in 0..BLOCKS {
                // `last * i / (BLOCKS - 1)`, in an order that cannot overflow.
                let steps = BLOCKS - 1;
                file.read_at(last / steps * i + last % steps * i / steps, &mut block)?;
                hasher.update(&block);
            }
        }
    }
    Ok(hasher.finalize().to_hex().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(content: &[u8]) -> String {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("a"), content).expect("written");
        fingerprint(&Files::Folder(folder.path().into()), &["a".into()], false).expect("readable")
    }

    #[test]
    fn is_the_same_for_a_folder_and_for_bytes_in_the_program() {
        static BYTES: [u8; 3 << 20] = [7; 3 << 20];
        static FILES: [crate::files::Embedded; 1] = [("a", &BYTES)];
        let embedded = Files::Embedded(&FILES);
        assert_eq!(
            fingerprint(&embedded, &["a".into()], false).expect("readable"),
            of(&BYTES)
        );
    }

    #[test]
    fn sees_every_byte_of_a_small_file_and_both_ends_of_a_big_one() {
        assert_ne!(of(b"abc"), of(b"abd"));
        assert_ne!(of(b""), of(b"\0"));
        let mut big = vec![0; (SMALL + 12_345) as usize];
        let before = of(&big);
        *big.last_mut().expect("not empty") = 1;
        let end_changed = of(&big);
        big.push(0);
        let longer = of(&big);
        assert!(before != end_changed && end_changed != longer && before != longer);
    }
}
