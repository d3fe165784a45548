//! Entries that speak of the same things as a question that nothing answers.

use std::collections::{BTreeSet, HashMap};

use crate::catalogue::Catalogue;
use crate::entry::Entry;
use crate::text::{normalize, words};

/// How many are worth a look.
const MOST: usize = 5;
/// How many words of a question are compared.
const WORDS: usize = 64;

/// The words of every entry, and how many entries hold each.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    entries: Vec<BTreeSet<String>>,
    holders: HashMap<String, usize>,
}

impl Vocabulary {
    pub(crate) fn of<'a>(entries: impl Iterator<Item = &'a Entry>) -> Self {
        let entries: Vec<BTreeSet<String>> = entries.map(words_of).collect();
        let mut holders = HashMap::new();
        for word in entries.iter().flatten() {
            *holders.entry(word.clone()).or_default() += 1;
        }
        Self { entries, holders }
    }

    /// How much a word says: the fewer entries hold it, the more.
    #[expect(clippy::cast_precision_loss, reason = "a few hundred entries")]
    fn rarity(&self, word: &str) -> f64 {
        let holders = self.holders.get(word).map_or(1.0, |count| *count as f64);
        (self.entries.len() as f64 / holders).ln() + 0.1
    }
}

/// The nearest entries, best first: by the words they share, where a rare word counts for more than a common one.
pub(crate) fn nearest<'a>(catalogue: &'a Catalogue, question: &str) -> Vec<&'a Entry> {
    let wanted: BTreeSet<&str> =
        words(question).map(|(_, word)| word).filter(|word| word.len() > 1).take(WORDS).collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let vocabulary = catalogue.vocabulary();
    // A word as it is, or the known one that it was meant to be: one that is known is not misspelt.
    let mut meant: Vec<(&str, f64)> = Vec::new();
    let mut total = 0.0;
    for word in wanted {
        total += vocabulary.rarity(word);
        if vocabulary.holders.contains_key(word) {
            meant.push((word, vocabulary.rarity(word)));
        } else {
            let close = vocabulary.holders.keys().filter(|known| is_close(word, known)).min();
            meant.extend(close.map(|known| (known.as_str(), 0.7 * vocabulary.rarity(known))));
        }
    }
    let mut scored: Vec<(f64, usize)> = Vec::new();
    for (index, words) in vocabulary.entries.iter().enumerate() {
        let score: f64 = meant.iter().filter(|(word, _)| words.contains(*word)).map(|(_, score)| score).sum();
        // A few shared everyday words say nothing.
        if score > 0.25 * total {
            scored.push((score, index));
        }
    }
    scored.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(&right.1)));
    scored.into_iter().take(MOST).map(|(_, index)| catalogue.at(index)).collect()
}

fn words_of(entry: &Entry) -> BTreeSet<String> {
    let mut found = BTreeSet::from([entry.id.to_lowercase()]);
    let mut add = |text: &str| {
        found.extend(words(&normalize(text)).map(|(_, word)| word.to_owned()).filter(|word| word.len() > 1));
    };
    add(&entry.id);
    add(&entry.title);
    entry.names.iter().for_each(|name| add(name));
    entry.all_texts().for_each(&mut add);
    found
}

/// Whether one slip of a key makes one of the other: a letter more, less, or another. Short words are all alike.
fn is_close(left: &str, right: &str) -> bool {
    let (short, long) = if left.len() <= right.len() { (left, right) } else { (right, left) };
    if short.len() < 5 || long.len() - short.len() > 1 {
        return false;
    }
    let (short, long) = (short.as_bytes(), long.as_bytes());
    let same = short.iter().zip(long).take_while(|(left, right)| left == right).count();
    let rest = usize::from(short.len() == long.len());
    short.get(same + rest..).unwrap_or_default() == &long[(same + 1).min(long.len())..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slip_is_close() {
        for (left, right, expected) in [
            ("cudaerrornodevice", "cudaerornodevice", true),
            ("segmentation", "segmentatoon", true),
            ("kernel", "kernels", true),
            ("kernel", "kernel", true),
            ("kernel", "colonel", false),
            ("gcc", "gcx", false),
            ("kernel", "kernelled", false),
        ] {
            assert_eq!(is_close(left, right), expected, "{left} {right}");
            assert_eq!(is_close(right, left), expected, "{right} {left}");
        }
    }
}
