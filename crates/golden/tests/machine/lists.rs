//! The lists of what is not right yet: `refused.txt` names what the machine refuses, `wrong.txt` what it gets wrong. Both may
//! only shrink.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Mutex;

use cuferry_testkit::variable;

/// One of the lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum List {
    Refused,
    Wrong,
}

/// Lines that a test of this run found not to hold.
static GONE: Mutex<BTreeSet<(List, String)>> = Mutex::new(BTreeSet::new());

impl List {
    fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Wrong => "wrong",
        }
    }

    fn file(self) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/machine/{}.txt", self.name()))
    }

    fn lines(self) -> BTreeSet<String> {
        let text = std::fs::read_to_string(self.file()).expect("the list is in the repository");
        text.lines().map(str::to_owned).collect()
    }

    /// What is wrong with the list, of all that was asked: what should be on it, and what should be no longer.
    pub(crate) fn judge(self, asked: &BTreeSet<String>, found: &BTreeSet<String>) -> Vec<String> {
        let listed = self.lines();
        let name = self.name();
        let mut complaints: Vec<String> =
            found.difference(&listed).map(|form| format!("newly {name}: {form}")).collect();
        for form in listed.intersection(asked).filter(|form| !found.contains(*form)) {
            if updates() {
                GONE.lock().expect("nobody panics holding it").insert((self, form.clone()));
            } else {
                complaints.push(format!("no longer {name} (run with INSTA_UPDATE=always): {form}"));
            }
        }
        complaints
    }

    /// Whether something is on the list.
    pub(crate) fn has(self, form: &str) -> bool {
        self.lines().contains(form)
    }
}

/// Takes the lines out that no longer hold, where that is wanted.
pub(crate) fn shrink() {
    let gone = GONE.lock().expect("nobody panics holding it");
    for list in [List::Refused, List::Wrong].into_iter().filter(|_| updates()) {
        let stays = |form: &String| !gone.contains(&(list, form.clone()));
        let text: String = list.lines().into_iter().filter(stays).map(|form| form + "\n").collect();
        std::fs::write(list.file(), text).expect("the repository can be written");
    }
}

fn updates() -> bool {
    variable("INSTA_UPDATE").as_deref() == Some("always")
}
