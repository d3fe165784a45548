//! The search of build files, scripts and package lists.

use regex::bytes::Captures;

use crate::build::{self, Script};
use crate::check::{gpu_arch, sides};
use crate::hit::{Hit, Sink};
use crate::pattern::{Area, Check, Find, Pattern};
use crate::{Language, Options};

pub(crate) fn search(language: Language, source: &[u8], options: &Options, sink: &mut Sink<'_>) {
    let script = build::read(language, source);
    sink.set_map(script.map.clone());
    patterns(language, &script.text, None, options, sink);
    for (check, index) in &options.rules.matcher(language).checks {
        match check {
            Check::X86Refused => refused(*index, &script, sink),
            Check::ArmSide => arm_side(*index, &script, sink),
            _ => {}
        }
    }
}

/// The patterns that look into text: `text`, `regex`, and the checks of GPU architectures. `area` is the one that `text`
/// holds, where the language has several.
pub(crate) fn patterns(
    language: Language,
    text: &[u8],
    area: Option<Area>,
    options: &Options,
    sink: &mut Sink<'_>,
) {
    let matcher = options.rules.matcher(language);
    for (entry, start, end) in matcher.texts(text, area) {
        sink.add(&Hit::new(entry.find, start, end, sink.live(start)));
    }
    for index in &matcher.regexes {
        let find = &options.rules.finds()[*index];
        if area.is_none_or(|area| area == find.area) {
            expression(*index, find, text, sink);
        }
    }
    if area == Some(Area::Code) {
        return;
    }
    for (check, index) in &matcher.checks {
        if matches!(check, Check::GpuArchJetson | Check::GpuArchDropped) {
            for place in gpu_arch::find(*check, text, options.toolkit) {
                let live = sink.live(place.start);
                let hit = Hit::new(*index, place.start, place.end, live).with_message(place.message);
                sink.add(&Hit { mild: place.mild, ..hit });
            }
        }
    }
}

fn expression(index: usize, find: &Find, text: &[u8], sink: &mut Sink<'_>) {
    let Pattern::Regex { regex, triggers } = &find.pattern else { return };
    if !triggers.iter().any(|word| memchr::memmem::find(text, word.as_bytes()).is_some()) {
        return;
    }
    let mut from = 0;
    while let Some(found) = regex.captures_at(text, from) {
        // The group `at` says where the finding is, if not at the whole match. What is matched after it may be what the
        // next one begins with.
        let place = found.name("at").unwrap_or(found.get_match());
        from = place.end().max(from + 1);
        if from > text.len() {
            return;
        }
        let live = sink.live(place.start());
        let groups = groups(&found);
        sink.add(&Hit { groups, ..Hit::new(index, place.start(), place.end(), live) });
    }
}

fn groups(found: &Captures<'_>) -> Vec<String> {
    let text = |group: Option<regex::bytes::Match<'_>>| {
        group.map_or_else(String::new, |group| String::from_utf8_lossy(group.as_bytes()).into_owned())
    };
    found.iter().skip(1).map(text).collect()
}

fn refused(index: usize, script: &Script, sink: &mut Sink<'_>) {
    for (start, end) in sides::refusals(script) {
        let live = sink.live(start);
        sink.add(&Hit::new(index, start, end, live));
    }
}

fn arm_side(index: usize, script: &Script, sink: &mut Sink<'_>) {
    for &(start, end) in &script.arm_only {
        let body = &script.text[start..end.max(start)];
        let Some((at, word)) = sides::jetson_word(body) else { continue };
        let at = start + at;
        let message = format!("`{word}` stands on the ARM side of this condition: x86_64 goes without it");
        // The place is dead by its nature; what is reported is that it is.
        let live = crate::reach::Live::Yes;
        sink.add(&Hit::new(index, at, at + word.len(), live).with_message(message));
    }
}
