//! The search of one file.

use camino::Utf8Path;
use cuferry_arch::CudaRelease;

use crate::hit::{Hit, Sink};
use crate::language::Language;
use crate::pattern::Pattern;
use crate::report::{FileReport, Trouble};
use crate::{RuleSet, clike, script};

/// What to search for, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The rules.
    pub rules: RuleSet,
    /// The toolkit that will compile: what it dropped is found.
    pub toolkit: CudaRelease,
    /// Whether findings in parts that x86_64 never compiles are reported as well.
    pub dead: bool,
    /// Files above this many bytes are not searched.
    pub max_bytes: u64,
    /// A file's findings above this number are left out.
    pub max_findings: usize,
}

impl Default for Options {
    /// cuferry's own rules, CUDA 13.0, nothing dead, files up to 16 MiB, 10,000 findings a file.
    fn default() -> Self {
        Self {
            rules: RuleSet::builtin(),
            toolkit: CudaRelease::new(13, 0),
            dead: false,
            max_bytes: 16 << 20,
            max_findings: 10_000,
        }
    }
}

/// Searches a file's bytes. `path` is what findings call it; its name also tells the language.
///
/// For a file that is too large to be read the caller gives its first kilobytes and adds [`Trouble::TooLarge`] itself:
/// rules about file names and first bytes still hold.
pub fn scan_file(path: &Utf8Path, bytes: &[u8], options: &Options) -> FileReport {
    let mut sink = Sink::new(path, bytes, options);
    by_name_and_start(path, bytes, options, &mut sink);
    let language = Language::of(path, &bytes[..bytes.len().min(512)]);
    let mut trouble = None;
    let mut lines = 0;
    let (mut own_names, mut headers) = (Vec::new(), Vec::new());
    if let Some(language) = language {
        let size = bytes.len() as u64;
        if size > options.max_bytes {
            trouble = Some(Trouble::TooLarge { bytes: size, limit: options.max_bytes });
        } else if let Some(offset) = memchr::memchr(0, bytes) {
            trouble = Some(Trouble::Binary { offset });
        } else {
            lines = count_lines(bytes);
            let triggered = options.rules.matcher(language).triggers(bytes);
            match language {
                Language::C | Language::Cpp | Language::Cuda | Language::Assembly => {
                    (trouble, own_names) = clike::search(language, bytes, triggered, options, &mut sink);
                    headers = options.rules.headers().included(bytes);
                }
                _ if triggered => script::search(language, bytes, options, &mut sink),
                _ => {}
            }
        }
    }
    let (findings, cut) = sink.finish();
    let trouble = trouble.or_else(|| cut.then_some(Trouble::TooMany { limit: options.max_findings }));
    FileReport { path: path.to_owned(), language, lines, findings, own_names, headers, trouble }
}

fn count_lines(bytes: &[u8]) -> u32 {
    let feeds = memchr::memchr_iter(b'\n', bytes).count();
    let last = usize::from(!bytes.is_empty() && !bytes.ends_with(b"\n"));
    u32::try_from(feeds + last).unwrap_or(u32::MAX)
}

/// Rules that read no text.
fn by_name_and_start(path: &Utf8Path, bytes: &[u8], options: &Options, sink: &mut Sink<'_>) {
    let name = path.file_name().unwrap_or_default().to_ascii_lowercase();
    for (index, find) in options.rules.finds().iter().enumerate() {
        let hit = match &find.pattern {
            Pattern::Path(endings) => endings.iter().any(|ending| name.ends_with(ending)),
            Pattern::Start(starts) => starts.iter().any(|start| bytes.starts_with(start.as_bytes())),
            _ => false,
        };
        if hit {
            sink.add(&Hit::whole_file(index, &name));
        }
    }
}
