//! How far two numbers may lie apart, and how far they do.

/// What is allowed: the larger of the two bounds counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    relative: f64,
    absolute: f64,
}

/// Two numbers that are not the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deviation {
    /// The rebuilt program's.
    pub rebuilt: f64,
    /// The original's.
    pub original: f64,
    /// The distance between them. Infinite, or no number, where one of them is.
    pub absolute: f64,
    /// The distance as a part of the larger magnitude.
    pub relative: f64,
}

impl Tolerance {
    /// None unless both bounds are finite and no less than 0.
    pub fn new(relative: f64, absolute: f64) -> Option<Self> {
        let fits = |bound: f64| bound.is_finite() && bound >= 0.0;
        (fits(relative) && fits(absolute)).then_some(Self { relative, absolute })
    }

    /// As a part of the larger magnitude of the two numbers.
    pub const fn relative(self) -> f64 {
        self.relative
    }

    /// As a distance.
    pub const fn absolute(self) -> f64 {
        self.absolute
    }

    /// Whether the two are as good as the same: equal, or no further apart than allowed; each NaN is as good as any other,
    /// whose sign and payload depend on the CPU, and an infinity only as itself.
    pub fn allows(self, rebuilt: f64, original: f64) -> bool {
        if equal(rebuilt, original) {
            return true;
        }
        rebuilt.is_finite()
            && original.is_finite()
            && (rebuilt - original).abs() <= self.bound(rebuilt, original)
    }

    fn bound(self, rebuilt: f64, original: f64) -> f64 {
        self.absolute.max(self.relative * rebuilt.abs().max(original.abs()))
    }

    /// How much of what is allowed a deviation takes: 1 is all of it.
    pub fn share(self, deviation: &Deviation) -> f64 {
        let bound = self.bound(deviation.rebuilt, deviation.original);
        if bound == 0.0 { f64::INFINITY } else { deviation.absolute / bound }
    }
}

impl Deviation {
    /// None where the two are equal, or both are no number.
    pub(crate) fn of(rebuilt: f64, original: f64) -> Option<Self> {
        if equal(rebuilt, original) {
            return None;
        }
        let absolute = (rebuilt - original).abs();
        let relative = absolute / rebuilt.abs().max(original.abs());
        Some(Self { rebuilt, original, absolute, relative })
    }
}

#[expect(clippy::float_cmp, reason = "what is equal needs no tolerance")]
fn equal(rebuilt: f64, original: f64) -> bool {
    rebuilt == original || (rebuilt.is_nan() && original.is_nan())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(relative: f64, absolute: f64, rebuilt: f64, original: f64, allowed: bool) {
        let tolerance = Tolerance::new(relative, absolute).unwrap();
        assert_eq!(tolerance.allows(rebuilt, original), allowed, "{rebuilt} and {original}");
        assert_eq!(tolerance.allows(original, rebuilt), allowed, "{original} and {rebuilt}");
    }

    #[test]
    fn the_larger_bound_counts() {
        check(0.0, 0.0, 1.0, 1.0, true);
        check(0.0, 0.0, 0.0, -0.0, true);
        check(0.0, 0.0, 1.0, 1.000_000_1, false);
        check(1e-6, 0.0, 1.0, 1.000_000_1, true);
        check(1e-6, 0.0, 0.0, 1e-30, false);
        check(1e-6, 1e-9, 0.0, 1e-30, true);
        check(1e-6, 1e-9, 1e9, 1e9 + 1.0, true);
        check(0.0, 1e-9, 1e9, 1e9 + 1.0, false);
        check(1.0, 0.0, f64::MAX, f64::MIN, false);
    }

    #[test]
    fn what_is_not_finite_is_only_like_itself() {
        check(1.0, 1e300, f64::INFINITY, f64::INFINITY, true);
        check(1.0, 1e300, f64::INFINITY, f64::NEG_INFINITY, false);
        check(1.0, 1e300, f64::INFINITY, 1e308, false);
        check(0.0, 0.0, f64::NAN, -f64::NAN, true);
        check(1.0, 1e300, f64::NAN, 0.0, false);
    }

    #[test]
    fn bounds_are_finite_and_not_negative() {
        for bound in [-1.0, f64::NAN, f64::INFINITY] {
            assert_eq!((Tolerance::new(bound, 0.0), Tolerance::new(0.0, bound)), (None, None));
        }
    }
}
