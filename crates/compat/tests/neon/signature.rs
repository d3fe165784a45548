//! The functions of a compiler's `arm_neon.h`, and what their parameters are, read from the preprocessed text.

/// How an element's bits are to be drawn and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    Integer,
    Float,
    BFloat,
}

/// A type that `arm_neon.h` uses: scalar, vector, or structure of vectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Type {
    pub(crate) spelling: String,
    pub(crate) element: Element,
    /// Bytes of an element.
    pub(crate) width: usize,
    /// Elements of a vector; 1 for a scalar, and for a vector of one.
    pub(crate) lanes: usize,
    pub(crate) is_vector: bool,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Parameter {
    Value(Type),
    /// A constant: a lane, or a count of bits.
    Immediate,
    Source(Type),
    Destination(Type),
}

/// A function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signature {
    pub(crate) name: String,
    pub(crate) result: Option<Type>,
    pub(crate) parameters: Vec<Parameter>,
}

/// Every function of a preprocessed `arm_neon.h` whose name is ARM's, sorted by name.
pub(crate) fn signatures(preprocessed: &str) -> Vec<Signature> {
    let mut found: Vec<Signature> = preprocessed
        .split("extern __inline")
        .skip(1)
        .filter_map(|text| signature(text.split('{').next().unwrap_or_default()))
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found.dedup_by(|a, b| a.name == b.name);
    found
}

fn signature(head: &str) -> Option<Signature> {
    let head = without_attributes(head);
    let (before, after) = head.split_once('(')?;
    let parameters = after.rsplit_once(')')?.0;
    let mut words: Vec<&str> = before.split_whitespace().collect();
    let name = words.pop()?;
    if !name.starts_with('v') {
        return None;
    }
    let result = words.join(" ");
    Some(Signature {
        name: name.to_owned(),
        result: if result == "void" { None } else { Some(parse_type(&result)?) },
        parameters: parameters
            .split(',')
            .filter(|text| !text.trim().is_empty() && text.trim() != "void")
            .map(parameter)
            .collect::<Option<_>>()?,
    })
}

fn without_attributes(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("__attribute__") {
        kept.push_str(before);
        let mut depth = 0_usize;
        let end = after.char_indices().find_map(|(index, letter)| {
            match letter {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            (letter == ')' && depth == 0).then_some(index + 1)
        });
        rest = &after[end.unwrap_or(after.len())..];
    }
    kept + rest
}

fn parameter(text: &str) -> Option<Parameter> {
    let spaced = text.replace('*', " * ");
    let words: Vec<&str> = spaced.split_whitespace().filter(|word| !word.starts_with("__")).collect();
    let is_constant = words.contains(&"const");
    let is_pointer = words.contains(&"*");
    let name = *words.iter().find(|word| **word != "const" && **word != "*")?;
    if name == "int" && !is_pointer {
        return Some(Parameter::Immediate);
    }
    let spelled = parse_type(name)?;
    Some(match (is_pointer, is_constant) {
        (false, _) => Parameter::Value(spelled),
        (true, true) => Parameter::Source(spelled),
        (true, false) => Parameter::Destination(spelled),
    })
}

/// `uint8x16x2_t`, `poly64_t`, `float32x4_t`.
fn parse_type(spelling: &str) -> Option<Type> {
    let body = spelling.strip_suffix("_t")?;
    let digits = body.find(|letter: char| letter.is_ascii_digit())?;
    let (family, shape) = body.split_at(digits);
    let mut numbers = shape.split('x').map(|number| number.parse::<usize>().ok());
    let bits = numbers.next()??;
    let lanes = numbers.next();
    Some(Type {
        spelling: spelling.to_owned(),
        element: match family {
            "int" | "uint" | "poly" => Element::Integer,
            "float" => Element::Float,
            "bfloat" => Element::BFloat,
            _ => return None,
        },
        width: bits / 8,
        lanes: lanes.flatten().unwrap_or(1),
        is_vector: lanes.is_some(),
    })
}

/// The constants that a call is tried with, one list an immediate parameter: the ends of the range and a value between.
pub(crate) fn immediates(signature: &Signature) -> Vec<Vec<usize>> {
    let count = signature.parameters.iter().filter(|one| **one == Parameter::Immediate).count();
    let mut lists = Vec::new();
    let mut last: Option<&Type> = None;
    for parameter in &signature.parameters {
        match parameter {
            Parameter::Value(one) if one.is_vector || last.is_none() => last = Some(one),
            Parameter::Immediate => {
                lists.push(range(signature, last.expect("a constant follows what it selects")));
            }
            _ => {}
        }
    }
    assert_eq!(lists.len(), count);
    lists
}

fn range(signature: &Signature, of: &Type) -> Vec<usize> {
    let name = signature.name.as_str();
    let bits = of.width * 8;
    let (first, last) = if name.contains("lane") || name.starts_with("vext") {
        let group = if name.contains("dot") {
            4 / of.width
        } else if name.starts_with("vcmla") {
            2
        } else {
            1
        };
        (0, of.lanes / group - 1)
    } else if name.starts_with("vsm3tt") {
        (0, 3)
    } else if name.starts_with("vxar") {
        (0, 63)
    } else if name.contains("shrn") || name.contains("shrun") {
        (1, bits / 2)
    } else if name.contains("shr") || name.contains("sra") || name.contains("sri") || name.contains("cvt") {
        (1, bits)
    } else {
        (0, bits - 1)
    };
    let mut values = vec![first, usize::midpoint(first, last), last];
    values.dedup();
    values
}
