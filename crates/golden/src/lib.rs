//! Golden vectors: what a real GPU answered to every form of every instruction, kept to hold the interpreter against.
//!
//! A form is text (`form`), its inputs follow from its operands' kinds (`kind`, `inputs`), and the answers are data
//! (`vectors`). Knows nothing of the interpreter: its tests run each form's kernel and call `compare`.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "bits are cut on purpose all over this crate"
)]

pub mod assembler;
pub mod bundle;
pub mod compare;
pub mod form;
pub mod forms;
pub mod inputs;
pub mod kernels;
pub mod kind;
pub mod random;
pub mod texture;
pub mod vectors;

use std::collections::HashSet;

pub use form::Form;

/// The forms that ptxas accepts, one name a line: `cargo xtask golden forms` writes it.
const LEGAL: &str = include_str!("../data/forms.txt");

/// The forms that ptxas 13.0 accepts for `sm_90`.
pub fn legal() -> Vec<Form> {
    let legal: HashSet<&str> = LEGAL.lines().collect();
    forms::candidates().into_iter().filter(|form| legal.contains(form.name().as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_legal_form_is_still_generated_and_none_twice() {
        let names: Vec<String> = legal().iter().map(Form::name).collect();
        let listed: Vec<&str> = LEGAL.lines().collect();
        assert_eq!(names, listed, "run `cargo xtask golden forms`");
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
    }

    #[test]
    fn a_kernel_runs_its_form_once_a_thread() {
        let forms = legal();
        let form = forms.iter().find(|form| form.text == "setp.lt.s32 d, a, b;").expect("it is legal");
        let kernel = form.kernel("name");
        for line in [
            "ld.global.b32 a, [pa+0];",
            "setp.lt.s32 d, a, b;",
            "selp.u32 t0, 1, 0, d; st.global.b32 [pd+0], t0;",
        ] {
            assert!(kernel.contains(line), "{line} in\n{kernel}");
        }
    }

    #[test]
    fn inputs_hold_every_pair_of_edges_and_are_always_the_same() {
        let forms = legal();
        let form = forms.iter().find(|form| form.text == "add.rn.f32 d, a, b;").expect("it is legal");
        let (cases, columns) = inputs::inputs(form);
        assert_eq!(inputs::inputs(form), (cases, columns.clone()));
        let words = |column: &[u8]| -> Vec<u32> {
            column.chunks(4).map(|word| u32::from_le_bytes(word.try_into().expect("4 bytes"))).collect()
        };
        let pairs: HashSet<(u32, u32)> = words(&columns[0]).into_iter().zip(words(&columns[1])).collect();
        for pair in
            [(0x7f80_0000, 0xff80_0000), (0x8000_0000, 0), (1, 0x807f_ffff), (0x7f7f_ffff, 0x7f7f_ffff)]
        {
            assert!(pairs.contains(&pair), "{pair:x?}");
        }
    }
}
