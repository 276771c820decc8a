//! AMX: products of two blocks of 16 lines in a unit of their own, on servers under Linux. Rust has no stable
//! intrinsics for it yet, so the loops are assembly.
//!
//! Four tiles of sums, two of rows and two of panels take the eight tile registers. Memory has the same layout as for
//! the other kernels: a tile of a panel is 16 of its lines.

use std::arch::asm;

use crate::line::BYTES;
use crate::micro::{Factors, MicroKernel, Sums};

pub(crate) const BF16: MicroKernel = MicroKernel {
    name: "AMX",
    rows: ROWS,
    panels: PANELS,
    run: run_bf16,
    prepare,
    lhs_offset: 0.0,
};

pub(crate) const INT8: MicroKernel = MicroKernel {
    run: run_int8,
    ..BF16
};

const ROWS: usize = 32;
const PANELS: usize = 2;

/// The shape of every tile register, in the layout of the instruction's operand.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    bytes: [u16; 16],
    rows: [u8; 16],
}

static CONFIGURATION: Configuration = {
    let (mut bytes, mut rows) = ([0; 16], [0; 16]);
    let mut register = 0;
    while register < 8 {
        bytes[register] = BYTES as u16;
        rows[register] = 16;
        register += 1;
    }
    Configuration {
        palette: 1,
        start_row: 0,
        reserved: [0; 14],
        bytes,
        rows,
    }
};

/// Whether the processor has the unit and the operating system lets this process use it. Permission is granted once, for
/// all threads.
#[cfg(target_os = "linux")]
pub(crate) fn allowed() -> bool {
    const BF16_TILE_INT8: u32 = 1 << 22 | 1 << 24 | 1 << 25;
    const SYS_ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
    const XFEATURE_XTILEDATA: u64 = 18;
    if std::arch::x86_64::__cpuid_count(7, 0).edx & BF16_TILE_INT8 != BF16_TILE_INT8 {
        return false;
    }
    let result: i64;
    // SAFETY: the system call takes two numbers and touches no memory; the registers that the instruction changes are
    // declared.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") SYS_ARCH_PRCTL => result,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XFEATURE_XTILEDATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result == 0
}

/// Other systems document no way to ask for permission.
#[cfg(not(target_os = "linux"))]
pub(crate) fn allowed() -> bool {
    false
}

/// Sets the shape of this thread's tile registers.
fn prepare() {
    // SAFETY: the operand is a valid configuration, and the system has allowed the unit.
    unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const CONFIGURATION, options(nostack, readonly)) };
}

macro_rules! run {
    ($name:ident, $product:literal) => {
        fn $name(factors: Factors, sums: &mut Sums) {
            let (a, stride) = (factors.a(), factors.stride_bytes());
            let (b, panel) = (factors.b(), factors.panel_bytes());
            let out: *mut f32 = sums.values_mut().as_mut_ptr();
            // SAFETY: `Factors` has ROWS rows and PANELS panels of `depth` groups, a multiple of 16; a step reads 16
            // groups of both. `Sums` has room for four tiles of 16 lines. `prepare` has set the registers' shape, and
            // nothing else in the program uses them.
            unsafe {
                asm!(
                    "tilezero tmm0",
                    "tilezero tmm1",
                    "tilezero tmm2",
                    "tilezero tmm3",
                    "2:",
                    "tileloadd tmm4, [{a0} + {stride}]",
                    "tileloadd tmm6, [{b0} + {line}]",
                    "tileloadd tmm5, [{a1} + {stride}]",
                    "tileloadd tmm7, [{b1} + {line}]",
                    concat!($product, " tmm0, tmm4, tmm6"),
                    concat!($product, " tmm1, tmm4, tmm7"),
                    concat!($product, " tmm2, tmm5, tmm6"),
                    concat!($product, " tmm3, tmm5, tmm7"),
                    "add {a0}, 64",
                    "add {a1}, 64",
                    "add {b0}, 1024",
                    "add {b1}, 1024",
                    "dec {steps}",
                    "jnz 2b",
                    "add {line}, 64",
                    "tilestored [{out} + {line}], tmm0",
                    "tilestored [{out} + {line} + 64], tmm1",
                    "tilestored [{out} + {line} + 2048], tmm2",
                    "tilestored [{out} + {line} + 2112], tmm3",
                    a0 = inout(reg) a => _,
                    a1 = inout(reg) a.add(16 * stride) => _,
                    b0 = inout(reg) b => _,
                    b1 = inout(reg) b.add(panel) => _,
                    stride = in(reg) stride,
                    line = inout(reg) BYTES => _,
                    steps = inout(reg) factors.depth() / 16 => _,
                    out = in(reg) out,
                    options(nostack),
                );
            }
        }
    };
}

run!(run_bf16, "tdpbf16ps");
run!(run_int8, "tdpbusd");
