//! A state file cut or damaged anywhere costs work, never correctness.

use std::fs;

use proptest::prelude::*;

use crate::project::{Project, copy};

/// Two chains, of which one is out of date whatever the state says.
fn project() -> Project {
    let mut project = Project::new(&[("a", "one"), ("b", "two")]);
    project.add(copy("a", "a1"));
    project.add(copy("a1", "a2"));
    project.add(copy("b", "b1"));
    project.build();
    project.write("a", "new");
    project.build();
    project.write("b", "new");
    project.write("a2", "bad");
    project
}

#[track_caller]
fn check(project: &Project, state: &[u8]) {
    fs::write(project.state(), state).unwrap();
    project.write("b", "new");
    project.write("b1", "two");
    project.write("a2", "bad");
    assert!(project.build().summary.is_success());
    let outputs = ["a1", "a2", "b1"].map(|path| project.read(path));
    assert_eq!(outputs, ["new", "new", "new"]);
    project.expect(&[]);
}

#[test]
fn a_state_cut_at_every_byte() {
    let project = project();
    let state = fs::read(project.state()).unwrap();
    for cut in 0..state.len() {
        check(&project, &state[..cut]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]
    #[test]
    fn a_state_with_flipped_bits_and_rubbish_behind(
        flips in proptest::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..4),
        rubbish in proptest::collection::vec(any::<u8>(), 0..50),
    ) {
        let project = project();
        let mut state = fs::read(project.state()).unwrap();
        for (place, bit) in flips {
            let place = place.index(state.len());
            state[place] ^= 1 << bit;
        }
        state.extend(rubbish);
        check(&project, &state);
    }

    #[test]
    fn a_state_of_rubbish(mut state in proptest::collection::vec(any::<u8>(), 0..200), with_header in any::<bool>()) {
        let project = project();
        if with_header {
            state.splice(..0, *b"cuferry-state-1\n");
        }
        check(&project, &state);
    }
}
