//! The instructions, a family a file. Each file has its operations, and what reads an instruction into them.

mod atomic;
mod barrier;
mod builtin;
mod call;
mod carry;
mod compare;
mod control;
mod convert;
mod copy;
mod float;
mod half;
mod integer;
mod logic;
mod matrix;
mod mbarrier;
mod memory;
mod moves;
mod packed;
mod special;
mod texture;
mod video;
mod warp;
mod wmma;

use cuferry_ptx::{Instruction, Mnemonic, Opcode, Word};

use crate::decode::{Decoder, Form, Refused};

pub(crate) use control::{Branch, Join, Return};
pub(crate) use half::{f16_from, f16_to};
pub(crate) use mbarrier::is_odd;
pub(crate) use moves::{
    Clock32, Clock64, CopyPredicate, DynamicSharedAddress, LocalAddress, NotPredicate, resize,
};
pub(crate) use video::Video;

/// Whether an instruction changes which lanes run, or waits for others: its guard becomes a branch around it.
pub(crate) fn is_control(mnemonic: Mnemonic, opcode: &Opcode<'_>) -> bool {
    use Mnemonic as M;
    match mnemonic {
        M::Call
        | M::Bar
        | M::Barrier
        | M::Shfl
        | M::Vote
        | M::Match
        | M::Redux
        | M::Elect
        | M::Trap
        | M::Brkpt => true,
        M::Brx | M::Wmma | M::Mma | M::Ldmatrix | M::Stmatrix | M::Movmatrix | M::Activemask => true,
        M::Mbarrier => opcode.has(Word::TryWait),
        _ => false,
    }
}

/// Whether an instruction's operation looks at its guard itself.
pub(crate) fn reads_own_guard(mnemonic: Mnemonic) -> bool {
    matches!(mnemonic, Mnemonic::Bra | Mnemonic::Ret | Mnemonic::Exit)
}

/// Decodes one instruction.
pub(crate) fn decode<'p>(
    decoder: &mut Decoder<'p>,
    mnemonic: Mnemonic,
    form: Form<'p>,
    instruction: &'p Instruction<'p>,
) -> Result<(), Refused> {
    use Mnemonic as M;
    match mnemonic {
        M::Bra
        | M::Ret
        | M::Exit
        | M::Brx
        | M::Trap
        | M::Brkpt
        | M::Pmevent
        | M::Nanosleep
        | M::Griddepcontrol
        | M::Setmaxnreg => control::decode(decoder, mnemonic, form),
        M::Call => call::decode(decoder, instruction, form),
        M::Mov | M::Cvta | M::Isspacep | M::Selp | M::Slct | M::Mapa | M::Getctarank => {
            moves::decode(decoder, mnemonic, form)
        }
        M::Ld
        | M::Ldu
        | M::St
        | M::Prefetch
        | M::Prefetchu
        | M::Discard
        | M::Applypriority
        | M::Createpolicy => memory::decode(decoder, mnemonic, form),
        M::Add | M::Sub | M::Mul | M::Mad | M::Fma | M::Div | M::Rem | M::Abs | M::Neg | M::Min | M::Max => {
            let ty = form.clone().ty()?;
            arithmetic(decoder, mnemonic, form, ty)
        }
        M::Addc | M::Subc | M::Madc => carry::decode(decoder, mnemonic, form),
        M::Mul24
        | M::Mad24
        | M::Sad
        | M::Popc
        | M::Clz
        | M::Bfind
        | M::Brev
        | M::Bfe
        | M::Bfi
        | M::Bmsk
        | M::Szext
        | M::Fns
        | M::Dp4a
        | M::Dp2a => integer::decode(decoder, mnemonic, form),
        M::And | M::Or | M::Xor | M::Not | M::Cnot | M::Shl | M::Shr | M::Shf | M::Lop3 | M::Prmt => {
            logic::decode(decoder, mnemonic, form)
        }
        M::Setp | M::Set | M::Testp => compare::decode(decoder, mnemonic, form),
        M::Cvt => convert::decode(decoder, form),
        M::Copysign | M::Rcp | M::Sqrt | M::Rsqrt | M::Sin | M::Cos | M::Lg2 | M::Ex2 | M::Tanh => {
            special::decode(decoder, mnemonic, form)
        }
        M::Bar | M::Barrier | M::Membar | M::Fence => barrier::decode(decoder, mnemonic, form),
        M::Shfl | M::Vote | M::Match | M::Redux | M::Elect | M::Activemask => {
            warp::decode(decoder, mnemonic, form)
        }
        M::Mma | M::Ldmatrix | M::Stmatrix | M::Movmatrix => matrix::decode(decoder, mnemonic, form),
        M::Wmma => wmma::decode(decoder, form),
        M::Mbarrier => mbarrier::decode(decoder, form),
        M::Cp => copy::decode(decoder, form),
        M::Vadd
        | M::Vsub
        | M::Vabsdiff
        | M::Vmin
        | M::Vmax
        | M::Vshl
        | M::Vshr
        | M::Vmad
        | M::Vset
        | M::Vadd2
        | M::Vsub2
        | M::Vavrg2
        | M::Vabsdiff2
        | M::Vmin2
        | M::Vmax2
        | M::Vset2
        | M::Vadd4
        | M::Vsub4
        | M::Vavrg4
        | M::Vabsdiff4
        | M::Vmin4
        | M::Vmax4
        | M::Vset4 => video::decode(decoder, mnemonic, form),
        M::Atom | M::Red => atomic::decode(decoder, mnemonic, form),
        M::Tex | M::Tld4 | M::Txq | M::Suld | M::Sust | M::Suq => texture::decode(decoder, mnemonic, form),
        _ => Err("not supported".to_owned()),
    }
}

fn arithmetic<'p>(
    decoder: &mut Decoder<'p>,
    mnemonic: Mnemonic,
    form: Form<'p>,
    ty: cuferry_ptx::Type,
) -> Result<(), Refused> {
    use cuferry_ptx::Type as T;
    match ty {
        T::F32 | T::F64 => float::decode(decoder, mnemonic, form),
        T::F16 | T::F16x2 | T::Bf16 | T::Bf16x2 => half::decode(decoder, mnemonic, form),
        T::F32x2 | T::U16x2 | T::S16x2 => packed::decode(decoder, mnemonic, form),
        _ => integer::decode(decoder, mnemonic, form),
    }
}
