//! The table of forms: for each mnemonic more spellings than there are, of which ptxas keeps the legal ones (`data/forms.txt`).

mod atomic;
mod bits;
mod compare;
mod convert;
mod float;
mod half;
mod integer;
mod matrix;
mod memory;
mod texture;
mod video;
mod warp;

use crate::form::Form;

/// Every form that is asked about, legal or not; no text twice.
pub fn candidates() -> Vec<Form> {
    let mut forms = Vec::new();
    integer::add(&mut forms);
    bits::add(&mut forms);
    float::add(&mut forms);
    half::add(&mut forms);
    compare::add(&mut forms);
    convert::add(&mut forms);
    video::add(&mut forms);
    memory::add(&mut forms);
    warp::add(&mut forms);
    atomic::add(&mut forms);
    matrix::add(&mut forms);
    texture::add(&mut forms);
    let mut seen = std::collections::HashSet::new();
    forms.retain(|form| seen.insert((form.text.clone(), form.texture)));
    forms
}

/// Every way of taking one word of each list.
fn product(lists: &[&[&str]]) -> Vec<String> {
    lists.iter().fold(vec![String::new()], |done, list| {
        done.iter().flat_map(|head| list.iter().map(move |word| format!("{head}{word}"))).collect()
    })
}
