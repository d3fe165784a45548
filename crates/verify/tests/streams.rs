//! Streams as programs give them: what is the same, what is not and where, and what holds for every stream.

#![expect(clippy::unwrap_used, reason = "helpers of tests stand outside of the tests themselves")]

use std::fmt::Write as _;
use std::io::{self, Read};

use cuferry_verify::{Cause, Comparison, Difference, FloatFormat, How, Side, Spot, Tolerance, compare};
use proptest::prelude::*;

fn within(relative: f64) -> How {
    How::Numbers(Tolerance::new(relative, 0.0).unwrap())
}

fn found(rebuilt: impl AsRef<[u8]>, original: impl AsRef<[u8]>, how: How) -> Comparison {
    compare(rebuilt.as_ref(), original.as_ref(), how).unwrap()
}

/// `line:column of the rebuilt:column of the original cause`, or nothing.
fn place(comparison: &Comparison) -> String {
    match &comparison.difference {
        None => String::new(),
        Some(Difference::Text { line, cause, rebuilt, original }) => {
            let cause = match cause {
                Cause::Text => "text".to_owned(),
                Cause::Number(values) => format!("{} {}", values.rebuilt, values.original),
                Cause::Ends(side) => format!("{side} ends"),
            };
            format!("{line}:{}:{} {cause}", rebuilt.column, original.column)
        }
        Some(Difference::Binary { offset, rebuilt, original }) => {
            format!("{offset} {rebuilt:?} {original:?}")
        }
        Some(other) => format!("{other:?}"),
    }
}

#[track_caller]
fn check(rebuilt: &str, original: &str, how: How, expected: &str) {
    assert_eq!(place(&found(rebuilt, original, how)), expected, "{rebuilt:?} and {original:?}");
    let turned = place(&found(original, rebuilt, how));
    assert_eq!(turned.is_empty(), expected.is_empty(), "{original:?} and {rebuilt:?}: {turned}");
}

#[test]
fn the_first_difference_of_text_has_a_line_and_a_column() {
    check("", "", How::Exact, "");
    check("a\nb\n", "a\nb\n", How::Exact, "");
    check("one\ntwo\nthree\n", "one\ntwo\nthere\n", How::Exact, "3:3:3 text");
    check("one\n", "one\ntwo\n", How::Exact, "2:1:1 rebuilt ends");
    check("one\ntwo", "one\n", How::Exact, "2:1:1 original ends");
    check("x", "", How::Exact, "1:1:1 original ends");
    check("0.5", "0.50", How::Exact, "1:4:4 rebuilt ends");
    let comparison = found("first\nx = 0.25;\n", "first\nx = 0.26;\n", How::Exact);
    let Some(Difference::Text { rebuilt, original, .. }) = comparison.difference else { panic!() };
    assert_eq!((rebuilt.text.as_slice(), rebuilt.mark), (b"x = 0.25;".as_slice(), 7));
    assert_eq!((original.text.as_slice(), original.mark), (b"x = 0.26;".as_slice(), 7));
}

#[test]
fn what_is_no_text_has_an_offset() {
    let place = |rebuilt: &[u8], original: &[u8], how| place(&found(rebuilt, original, how));
    assert_eq!(place(b"a\0b", b"a\0c", How::Exact), "2 Some(98) Some(99)");
    assert_eq!(place(b"a\0", b"a\0c", How::Exact), "2 None Some(99)");
    assert_eq!(place(b"\x000.10", b"\x000.1", within(0.5)), "4 Some(48) None");
}

#[test]
fn numbers_may_deviate_and_nothing_else() {
    let how = within(1e-3);
    check("0.5", "0.50", how, "");
    check("sum=1000.4ms [1e3, -0.0]", "sum=1000ms [1000.5, 0]", how, "");
    check("a 1.0\nb 2.0\n", "a 1.0\nb 2.1\n", how, "2:3:3 2 2.1");
    check("(nan) -inf", "(-nan) -inf", how, "");
    check("inf", "-inf", how, "1:1:1 inf -inf");
    check("inf", "1e20", how, "1:1:1 inf 100000000000000000000");
    // Names, addresses and words are no numbers.
    check("float4", "float5", how, "1:6:6 text");
    check("0x1000", "0x1001", within(0.5), "1:6:6 text");
    check("1 item", "1 items", how, "1:7:7 rebuilt ends");
    check("1", "one", how, "1:1:1 text");
    check("1\n2\n", "1\n2\n3\n", how, "3:1:1 rebuilt ends");
    check("1.0.1", "1.0.2", how, "1:5:5 1 2");
    check("5-3", "5-2", how, "1:3:3 3 2");
}

#[test]
fn blanks_beside_numbers_fill_up() {
    let how = within(0.05);
    check("t= 9.9 s", "t=10.0 s", how, "");
    check("|   9.9|\n|  10.0|", "|  10.0|\n|   9.9|", how, "");
    check("9.9   |", "10.0  |", how, "");
    check("9.9 |", "10.0|", how, "");
    check("9.9 \n", "10.0\n", how, "");
    check("1.00\t2.00", "1.00 2.00", how, "");
    check("1   2", "1 2", how, "");
    // These fill nothing up.
    check("1 2", "12", how, "1:1:1 1 12");
    check("1 x", "1x", how, "1:2:2 text");
    check("a  b", "a b", how, "1:3:3 text");
    check("x 1", "x1", how, "1:2:2 text");
    check(" 1", "1", how, "1:1:1 text");
    check("a ", "a", how, "1:2:2 original ends");
}

#[test]
fn the_pair_that_takes_most_is_told() {
    let comparison = found("1.0\n2.001\n3.0001\n", "1.0\n2\n3\n", within(1e-3));
    let (values, spot) = comparison.largest.unwrap();
    assert_eq!((values.rebuilt, values.original, spot), (2.001, 2.0, Spot::Line(2)));
    assert_eq!((comparison.numbers, comparison.rebuilt_bytes, comparison.original_bytes), (3, 17, 8));
    let both = How::Numbers(Tolerance::new(1e-6, 1e-3).unwrap());
    let comparison = found("0.0005 1000.0008", "0 1000", both);
    let (values, _) = comparison.largest.unwrap();
    assert!(values.rebuilt > 999.0, "nearer to what is allowed: {values:?}");
}

#[test]
fn arrays_have_elements() {
    let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let tolerance = Tolerance::new(1e-3, 0.0);
    let within = How::Floats(FloatFormat::F32, tolerance);
    let exact = How::Floats(FloatFormat::F32, None);
    let (some, other) = (bytes(&[1.0, f32::NAN, 3.0]), bytes(&[1.0005, -f32::NAN, 3.0]));
    let comparison = found(&some, &other, within);
    assert_eq!((&comparison.difference, comparison.numbers), (&None, 3));
    assert_eq!(comparison.largest.unwrap().1, Spot::Element(0));
    let Some(Difference::Element { index: 0, values }) = found(&some, &other, exact).difference else {
        panic!()
    };
    assert_eq!((values.rebuilt, values.original), (1.0, f64::from(1.0005_f32)));
    let index = |rebuilt: &[f32], original: &[f32], how| match found(bytes(rebuilt), bytes(original), how)
        .difference
    {
        Some(Difference::Element { index, .. }) => Some(index),
        _ => None,
    };
    assert_eq!(index(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.1], within), Some(2));
    assert_eq!(index(&[1.0, 0.0], &[1.0, -0.0], within), None);
    assert_eq!(index(&[1.0, 0.0], &[1.0, -0.0], exact), Some(1), "its bits are to be the same");
    let length = |rebuilt: &[u8], original: &[u8]| found(rebuilt, original, within).difference;
    assert_eq!(
        length(&some[..8], &some),
        Some(Difference::Length { elements: 2, longer: Some(Side::Original) })
    );
    assert_eq!(
        length(&some[..6], &some[..5]),
        Some(Difference::Length { elements: 1, longer: Some(Side::Rebuilt) })
    );
    assert_eq!(length(&[0, 1], &[0, 2]), Some(Difference::Length { elements: 0, longer: None }));
    let wide: Vec<u8> = [1.0_f64, 2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(found(&wide, &wide, How::Floats(FloatFormat::F64, tolerance)).numbers, 2);
}

/// A disk that fails is no difference.
#[test]
fn what_cannot_be_read_is_said() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::TimedOut.into())
        }
    }
    let error = compare(&b"x"[..], Fails, How::Exact).unwrap_err();
    assert_eq!(
        (error.side, error.to_string().as_str()),
        (Side::Original, "cannot read what the original program gave")
    );
}

/// Gives no more than so many bytes at a time.
struct Slowly<'a>(&'a [u8], usize);

impl Read for Slowly<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.1.min(buffer.len());
        self.0.read(&mut buffer[..count])
    }
}

fn any_how() -> impl Strategy<Value = How> {
    let tolerance = (0.0..1.0, 0.0..1.0).prop_map(|(relative, absolute)| Tolerance::new(relative, absolute));
    prop_oneof![
        Just(How::Exact),
        tolerance.clone().prop_map(|tolerance| How::Numbers(tolerance.unwrap())),
        tolerance.prop_map(|tolerance| How::Floats(FloatFormat::F32, tolerance)),
        Just(How::Floats(FloatFormat::F64, None)),
    ]
}

/// What programs print, and what they do not.
fn any_stream() -> impl Strategy<Value = Vec<u8>> {
    let text = prop::collection::vec(
        prop_oneof![
            "[ -~]{0,8}",
            "-?[0-9]{1,6}(\\.[0-9]{0,4})?(e-?[0-9])?",
            "[ \t\n]{1,3}",
            Just("nan".to_owned())
        ],
        0..200,
    );
    prop_oneof![
        text.prop_map(|parts| parts.concat().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..2000),
    ]
}

/// Lines of words and numbers: the numbers, and each as text.
fn any_numbers() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(prop_oneof![-1e3..1e3, -1e-3..1e-3, -1e30..1e30_f64], 1..50)
}

fn lines(numbers: &[f64]) -> String {
    let mut text = String::new();
    for (index, number) in numbers.iter().enumerate() {
        writeln!(text, "value{index}: {number:>12.9e};").unwrap();
    }
    text
}

proptest! {
    #[test]
    fn equal_streams_are_never_different(stream in any_stream(), how in any_how(), step in 1..300_usize) {
        let comparison = compare(Slowly(&stream, step), stream.as_slice(), how).unwrap();
        prop_assert_eq!(&comparison.difference, &None);
        prop_assert_eq!(&comparison.largest, &None);
        prop_assert_eq!(comparison.original_bytes <= stream.len() as u64, true);
    }

    #[test]
    fn a_changed_byte_is_always_found(
        stream in any_stream().prop_filter("it has bytes", |stream| !stream.is_empty()),
        at in any::<prop::sample::Index>(),
        change in 1..=255_u8,
    ) {
        let at = at.index(stream.len());
        let mut other = stream.clone();
        other[at] ^= change;
        for how in [How::Exact, How::Floats(FloatFormat::F32, None)] {
            prop_assert!(found(&stream, &other, how).difference.is_some());
            prop_assert!(found(&stream[..at], &stream, how).difference.is_some());
        }
        let line = 1 + stream[..at].split(|byte| *byte == b'\n').skip(1).count() as u64;
        match found(&stream, &other, How::Exact).difference {
            Some(Difference::Text { line: found, .. }) => prop_assert_eq!(found, line),
            Some(Difference::Binary { offset, .. }) => prop_assert_eq!(offset, at as u64),
            found => prop_assert!(false, "{:?}", found),
        }
    }

    /// Nor do the sizes of what is read at a time.
    #[test]
    fn the_order_of_reading_decides_nothing(
        rebuilt in any_stream(),
        original in any_stream(),
        how in any_how(),
        steps in (1..100_usize, 1..100_usize),
    ) {
        let slow = compare(Slowly(&rebuilt, steps.0), Slowly(&original, steps.1), how).unwrap();
        prop_assert_eq!(format!("{slow:?}"), format!("{:?}", found(&rebuilt, &original, how)));
    }

    #[test]
    fn a_number_within_the_tolerance_is_never_reported(numbers in any_numbers(), part in -0.9..0.9_f64) {
        // Ten digits are printed: what they leave out is far less than the tenth of the tolerance that is left.
        let moved: Vec<f64> = numbers.iter().map(|number| number * (1.0 + part * 1e-4)).collect();
        let comparison = found(lines(&moved), lines(&numbers), within(1e-4));
        prop_assert_eq!(&comparison.difference, &None);
        prop_assert_eq!(comparison.numbers, numbers.len() as u64);
    }

    #[test]
    fn a_number_beyond_it_is_always_reported(
        numbers in any_numbers(),
        at in any::<prop::sample::Index>(),
        part in prop_oneof![-1e3..-1.1_f64, 1.1..1e3_f64],
    ) {
        let at = at.index(numbers.len());
        let mut moved = numbers.clone();
        moved[at] *= 1.0 + part * 1e-4;
        prop_assume!(numbers[at] != 0.0);
        let place = place(&found(lines(&moved), lines(&numbers), within(1e-4)));
        prop_assert!(place.starts_with(&format!("{}:", at + 1)), "{} of {:?}", place, numbers);
    }
}
