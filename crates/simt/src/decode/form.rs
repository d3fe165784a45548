//! An instruction's words, taken one by one; what is left over at the end is not supported.

use cuferry_ptx::{
    Cache, Compare, Geometry, Modifier, Opcode, Operand, Rounding, Scope, Semantics, Shape, Space, Type, Word,
};

use super::Refused;

/// The words behind a mnemonic that have not been taken, and the operands.
#[derive(Clone, Debug)]
pub(crate) struct Form<'p> {
    left: Vec<Modifier<'p>>,
    pub(crate) operands: &'p [Operand<'p>],
}

impl<'p> Form<'p> {
    pub(super) fn new(opcode: &'p Opcode<'p>, operands: &'p [Operand<'p>]) -> Form<'p> {
        Form { left: opcode.modifiers.clone(), operands }
    }

    fn take_if<T>(&mut self, pick: impl Fn(&Modifier<'p>) -> Option<T>) -> Option<T> {
        let (index, found) =
            self.left.iter().enumerate().find_map(|(index, word)| Some((index, pick(word)?)))?;
        self.left.remove(index);
        Some(found)
    }

    pub(crate) fn has(&mut self, word: Word) -> bool {
        self.take_if(|left| (*left == Modifier::Word(word)).then_some(())).is_some()
    }

    /// The first of these words that is there.
    pub(crate) fn one_of(&mut self, words: &[Word]) -> Option<Word> {
        words.iter().copied().find(|&word| self.has(word))
    }

    /// The next of these words in the order of the text.
    pub(crate) fn one_of_next(&mut self, words: &[Word]) -> Option<Word> {
        self.take_if(|left| match left {
            Modifier::Word(word) => words.contains(word).then_some(*word),
            _ => None,
        })
    }

    /// A word by its text, whether the parser knows it as a word or not.
    pub(crate) fn other(&mut self, text: &str) -> bool {
        let is = |left: &Modifier<'_>| match left {
            Modifier::Other(found) => *found == text,
            Modifier::Word(word) => word.text() == text,
            _ => false,
        };
        self.take_if(|left| is(left).then_some(())).is_some()
    }

    pub(crate) fn maybe_type(&mut self) -> Option<Type> {
        self.take_if(|left| if let Modifier::Type(found) = left { Some(*found) } else { None })
    }

    pub(crate) fn ty(&mut self) -> Result<Type, Refused> {
        self.maybe_type().ok_or_else(|| "it has no type".to_owned())
    }

    pub(crate) fn rounding(&mut self) -> Option<Rounding> {
        self.take_if(|left| if let Modifier::Rounding(found) = left { Some(*found) } else { None })
    }

    pub(crate) fn space(&mut self) -> Option<Space> {
        self.take_if(|left| if let Modifier::Space(found) = left { Some(*found) } else { None })
    }

    pub(crate) fn compare(&mut self) -> Option<Compare> {
        self.take_if(|left| if let Modifier::Compare(found) = left { Some(*found) } else { None })
    }

    pub(crate) fn semantics(&mut self) -> Option<Semantics> {
        self.take_if(|left| if let Modifier::Semantics(found) = left { Some(*found) } else { None })
    }

    pub(crate) fn scope(&mut self) -> Option<Scope> {
        self.take_if(|left| if let Modifier::Scope(found) = left { Some(*found) } else { None })
    }

    pub(crate) fn cache(&mut self) -> Option<Cache> {
        self.take_if(|left| if let Modifier::Cache(found) = left { Some(*found) } else { None })
    }

    pub(crate) fn geometry(&mut self) -> Option<Geometry> {
        self.take_if(|left| if let Modifier::Geometry(found) = left { Some(*found) } else { None })
    }

    pub(crate) fn vector(&mut self) -> Option<u8> {
        self.take_if(|left| if let Modifier::Vector(found) = left { Some(*found) } else { None })
    }

    pub(crate) fn shape(&mut self) -> Option<Shape> {
        self.take_if(|left| if let Modifier::Shape(found) = left { Some(*found) } else { None })
    }

    pub(crate) fn count(&mut self) -> Option<u8> {
        self.take_if(|left| if let Modifier::Count(found) = left { Some(*found) } else { None })
    }

    /// Drops hints that never change a result: cache operators, eviction priorities, prefetch sizes.
    pub(crate) fn drop_hints(&mut self) {
        while self.cache().is_some() {}
        self.left.retain(|word| {
            !matches!(word, Modifier::Word(word) if word.text().starts_with("L1::") || word.text().starts_with("L2::") && *word != Word::L2CacheHint)
        });
    }

    /// Says that every word was understood, and that there are so many operands.
    pub(crate) fn done(&self, operands: usize) -> Result<(), Refused> {
        self.words_done()?;
        if self.operands.len() == operands {
            return Ok(());
        }
        Err(format!("it has {} operands instead of {operands}", self.operands.len()))
    }

    /// Says that every word was understood.
    pub(crate) fn words_done(&self) -> Result<(), Refused> {
        match self.left.first() {
            None => Ok(()),
            Some(word) => Err(format!("`.{word}` is not supported here")),
        }
    }
}
