//! NPP, whose functions without a stream context CUDA 13 takes away, release by release: which are gone, and a header that
//! gives those back that a toolkit lacks, made from the toolkit's own headers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::LazyLock;

/// Families of functions, and the names that are exceptions.
struct Table {
    gone: BTreeSet<&'static str>,
    stay: BTreeSet<&'static str>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let text = include_str!("../data/npp.txt");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let end = lines.iter().position(|line| *line == "stay").unwrap_or(lines.len());
    let words =
        |lines: &[&'static str]| lines.iter().skip(1).flat_map(|line| line.split_whitespace()).collect();
    Table { gone: words(&lines[..end]), stay: words(&lines[end..]) }
});

/// Whether CUDA 13 took a function of NPP's away, such as `nppiFilterBox_8u_C1R`. Its twin is there: the same name with `_Ctx`
/// behind it.
pub fn is_npp_removed(name: &str) -> bool {
    let family = name.split('_').next().unwrap_or(name);
    TABLE.gone.contains(family) && !name.ends_with("_Ctx") && !TABLE.stay.contains(name)
}

/// Headers that do nothing but include others.
const WHOLE: [(&str, &str); 2] = [("nppi.h", "nppi_"), ("npps.h", "npps_")];

/// The headers that stand before a toolkit's own, as file names and texts. `toolkit` are its headers by their names
/// (`nppi_color_conversion.h`); what is not NPP's is passed over. Of CUDA 12 and older, which lack nothing, none comes.
///
/// Each function without a context that the toolkit lacks becomes an inline one that calls its twin with the default
/// context. In C++ the sizes of buffers come back in an `int`, too, as before CUDA 13.
pub fn npp_headers(toolkit: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let npp = || toolkit.iter().filter(|(name, _)| name.starts_with("npp"));
    let mut headers = BTreeMap::new();
    if !npp().any(|(_, text)| is_13(text)) {
        return headers;
    }
    let functions: BTreeMap<&String, Vec<Function>> =
        npp().map(|(name, text)| (name, functions(text))).collect();
    let there: BTreeSet<&str> = functions.values().flatten().map(|function| function.name.as_str()).collect();
    for (name, functions) in &functions {
        let mut body = String::new();
        for function in functions {
            function.write(&there, &mut body);
        }
        let guard = format!(
            "CUFERRY_{}",
            name.to_uppercase().replace(|sign: char| !sign.is_ascii_alphanumeric(), "_")
        );
        let mut includes = String::new();
        let parts = WHOLE.iter().find(|(whole, _)| whole == name).map(|(_, prefix)| *prefix);
        for (part, _) in npp().filter(|(part, _)| parts.is_some_and(|prefix| part.starts_with(prefix))) {
            _ = writeln!(includes, "#include <{part}>");
        }
        if name.as_str() == "npp.h" {
            includes += "#include <nppi.h>\n#include <npps.h>\n#include <nppcore.h>\n";
        }
        if name.as_str() == "nppcore.h" || !body.is_empty() {
            includes += "#include <cuferry/cuda13_npp.h>\n";
        }
        if includes.is_empty() {
            continue;
        }
        let text = format!(
            "/* The toolkit's header, and the functions without a stream context that it lacks. */\n\
             #pragma GCC system_header\n#include_next <{name}>\n#ifndef {guard}\n#define {guard}\n{includes}\
             {body}#endif\n"
        );
        headers.insert((*name).clone(), text);
    }
    headers
}

/// Whether `nppdefs.h` or `nppcore.h` says that it is CUDA 13's.
fn is_13(text: &str) -> bool {
    text.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words == ["#define", "NPP_VER_MAJOR", "13"]
    })
}

/// A function that a header declares.
#[derive(Debug, PartialEq, Eq)]
struct Function {
    name: String,
    parameters: Vec<Parameter>,
}

#[derive(Debug, PartialEq, Eq)]
struct Parameter {
    /// As declared.
    text: String,
    name: String,
    /// `size_t *`: the size of a buffer, which was an `int *`.
    is_size: bool,
}

/// The declarations of a header, `NppStatus name(parameters);`, as NPP's are.
fn functions(text: &str) -> Vec<Function> {
    let text = without_comments(text);
    let mut found = Vec::new();
    for part in text.split("NppStatus").skip(1) {
        let Some((name, rest)) = part.split_once('(') else { continue };
        let name = name.trim();
        let is_name =
            name.starts_with("npp") && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let Some((list, end)) = rest.split_once(')') else { continue };
        if !is_name || !end.trim_start().starts_with(';') {
            continue;
        }
        if let Some(parameters) = list.split(',').map(parameter).collect() {
            found.push(Function { name: name.to_owned(), parameters });
        }
    }
    found
}

fn parameter(text: &str) -> Option<Parameter> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let plain = text.split('[').next().unwrap_or_default().trim_end();
    let start = plain.rfind(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '_'))? + 1;
    let (kind, name) = plain.split_at(start);
    let is_size = kind.replace(' ', "") == "size_t*";
    (!name.is_empty()).then(|| Parameter { name: name.to_owned(), is_size, text: text.clone() })
}

/// In what way a function is given back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The toolkit does not declare it.
    New,
    /// The toolkit declares it, and its libraries lack it.
    Body,
    /// With an `int` for the size of a buffer, beside the one with `size_t`.
    WithInt,
}

impl Function {
    /// Writes what is missing around this one. `there` are the names that the toolkit's headers declare.
    fn write(&self, there: &BTreeSet<&str>, out: &mut String) {
        let sizes = self.parameters.iter().any(|parameter| parameter.is_size);
        let is_context = |last: &Parameter| last.text.starts_with("NppStreamContext");
        let context = self.parameters.split_last().filter(|(last, _)| is_context(last));
        if sizes {
            self.write_one(&self.name, &self.parameters, "", Form::WithInt, out);
        }
        let (Some((_, parameters)), Some(plain)) = (context, self.name.strip_suffix("_Ctx")) else { return };
        let form = if there.contains(plain) { Form::Body } else { Form::New };
        self.write_one(plain, parameters, "cuferryNppContext()", form, out);
        if sizes && form == Form::New {
            self.write_one(plain, parameters, "cuferryNppContext()", Form::WithInt, out);
        }
    }

    /// `name` as an inline function that calls this one.
    fn write_one(&self, name: &str, parameters: &[Parameter], last: &str, form: Form, out: &mut String) {
        let changed = |parameter: &&Parameter| form == Form::WithInt && parameter.is_size;
        let declare = |parameter: &Parameter| match Some(parameter).filter(changed) {
            Some(size) => format!("int *{}", size.name),
            None => parameter.text.clone(),
        };
        let give = |parameter: &Parameter| match Some(parameter).filter(changed) {
            Some(size) => format!("cuferryNppSize({})", size.name),
            None => parameter.name.clone(),
        };
        let declared: Vec<String> = parameters.iter().map(declare).collect();
        let mut given: Vec<String> = parameters.iter().map(give).collect();
        if !last.is_empty() {
            given.push(last.to_owned());
        }
        // C has no overloads: with an `int` it is to fail, not to have eight bytes written into four.
        let cpp_only = form == Form::WithInt
            || form == Form::New && parameters.iter().any(|parameter| parameter.is_size);
        let start = match (form, cpp_only) {
            (Form::Body, _) => "CUFERRY_NPP_BODY",
            (_, true) => "CUFERRY_NPP_CPP(",
            (_, false) => "static __inline__",
        };
        let (open, close) = if cpp_only { ("static __inline__ ", ")") } else { (" ", "") };
        _ = writeln!(
            out,
            "{start}{open}NppStatus {name}({})\n{{ return {}({}); }}{close}",
            declared.join(", "),
            self.name,
            given.join(", ")
        );
    }
}

/// Comments and directives as blanks.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("/*") {
        out += &rest[..start];
        out.push(' ');
        rest = rest[start + 2..].split_once("*/").map_or("", |(_, rest)| rest);
    }
    out += rest;
    let lines = out.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_that_went() {
        for gone in
            ["nppiFilterBox_8u_C1R", "nppiAddC_8u_C1RSfs", "nppsSet_8u", "nppiSumGetBufferHostSize_8u_C1R"]
        {
            assert!(is_npp_removed(gone), "{gone}");
        }
        for stays in
            ["nppiMalloc_8u_C1", "nppiFree", "nppiFilterBox_8u_C1R_Ctx", "nppiOfMine", "npp", "memcpy", ""]
        {
            assert!(!is_npp_removed(stays), "{stays}");
        }
    }

    const DEFS: &str = "#define NPP_VER_MAJOR 13\n";

    fn headers(text: &str) -> BTreeMap<String, String> {
        let toolkit = [
            ("nppcore.h", DEFS),
            ("nppi.h", ""),
            ("nppi_a.h", text),
            ("cuda.h", "NppStatus nppiB_Ctx(int a);"),
        ];
        npp_headers(&toolkit.map(|(name, text)| (name.to_owned(), text.to_owned())).into())
    }

    #[test]
    fn what_a_header_lacks_comes_back() {
        let found = headers(
            "/* NppStatus nppiNo_Ctx(int a, NppStreamContext c); */
             NppStatus nppiA_8u_Ctx(const Npp8u * pSrc, const Npp32f aK[3], NppiSize oSize, NppStreamContext nppStreamCtx); // x
             #define NppStatus nppiNo_Ctx(int a, NppStreamContext c);
             NppStatus nppiB_8u_Ctx(int n, NppStreamContext c);
             NppStatus nppiB_8u(int n);
             NppStatus nppiSize(NppiSize s, size_t * h);
             Npp8u * nppiMalloc(int n);",
        );
        let text = &found["nppi_a.h"];
        assert!(
            text.contains(
                "NppStatus nppiA_8u(const Npp8u * pSrc, const Npp32f aK[3], NppiSize oSize)\n\
             { return nppiA_8u_Ctx(pSrc, aK, oSize, cuferryNppContext()); }"
            ),
            "{text}"
        );
        assert!(
            text.contains("nppiSize(NppiSize s, int *h)\n{ return nppiSize(s, cuferryNppSize(h)); }"),
            "{text}"
        );
        assert!(text.contains(
            "CUFERRY_NPP_BODY NppStatus nppiB_8u(int n)\n{ return nppiB_8u_Ctx(n, cuferryNppContext()); }"
        ));
        assert_eq!(text.matches("return").count(), 3, "{text}");
        assert!(
            found["nppi.h"].contains("#include_next <nppi.h>")
                && found["nppi.h"].contains("#include <nppi_a.h>")
        );
        assert!(found["nppcore.h"].contains("cuda13_npp.h") && !found.contains_key("cuda.h"));
    }

    #[test]
    fn other_toolkits_get_nothing() {
        let toolkit = [
            ("nppcore.h", "#define NPP_VER_MAJOR 12\n"),
            ("nppi_a.h", "NppStatus nppiA_Ctx(int a, NppStreamContext c);"),
        ];
        assert!(
            npp_headers(&toolkit.map(|(name, text)| (name.to_owned(), text.to_owned())).into()).is_empty()
        );
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_read(text in "(NppStatus|nppiA_Ctx|size_t|[*(),;/ \\[\\]\n#]|NppStreamContext|[a-z\u{e9}]){0,40}") {
            _ = headers(&text);
        }
    }
}
