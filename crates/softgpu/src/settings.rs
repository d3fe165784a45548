//! Settings: environment variables whose names begin with `CUFERRY_SOFT_`. Each is read once, at `cuInit`, and a value
//! that makes no sense stops the program with a sentence rather than being passed over.

use std::fmt;
use std::path::PathBuf;

/// What the variables say. `docs/software-device.md` describes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// `CUFERRY_SOFT_COMPUTE_CAPABILITY`: major and minor; none: chosen by what the program holds.
    pub(crate) capability: Option<(u32, u32)>,
    /// `CUFERRY_SOFT_WORKERS`, or 1 under `CUFERRY_SOFT_DETERMINISTIC`: threads that run blocks.
    pub(crate) workers: Option<usize>,
    /// `CUFERRY_SOFT_CHECKS`: whether each access of a kernel is checked.
    pub(crate) checks: bool,
    /// Shared memory is watched for races and reads of what nobody wrote.
    pub(crate) watch: bool,
    /// `CUFERRY_SOFT_FUEL`: warp instructions that a launch may take.
    pub(crate) fuel: Option<u64>,
    /// `CUFERRY_SOFT_MEMORY`: the device's memory, in bytes.
    pub(crate) memory: u64,
    /// `CUFERRY_SOFT_MULTIPROCESSORS`.
    pub(crate) multiprocessors: u32,
    /// `CUFERRY_SOFT_LEAKS`: whether allocations that are never freed are listed as the program ends.
    pub(crate) leaks: bool,
    /// `CUFERRY_SOFT_LOG`: where each driver call is written.
    pub(crate) log: Option<PathBuf>,
}

/// A variable that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SettingError {
    name: String,
    value: String,
    wanted: &'static str,
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, value, wanted } = self;
        write!(f, "the environment variable {name} is `{value}`: {wanted}")
    }
}

const PREFIX: &str = "CUFERRY_SOFT_";
/// The capabilities that NVIDIA's GPUs have had since 7.5: others would confuse programs that look them up.
const CAPABILITIES: &[(u32, u32)] =
    &[(7, 5), (8, 0), (8, 6), (8, 7), (8, 8), (8, 9), (9, 0), (10, 0), (10, 3), (11, 0), (12, 0), (12, 1)];

impl Settings {
    /// From variables as name and value; those of other programs are passed over.
    pub(crate) fn parse(variables: impl Iterator<Item = (String, String)>) -> Result<Self, SettingError> {
        let mut settings = Self {
            capability: None,
            workers: None,
            checks: true,
            watch: false,
            fuel: None,
            memory: 16 << 30,
            multiprocessors: 16,
            leaks: false,
            log: None,
        };
        let mut deterministic = false;
        for (name, value) in variables {
            let Some(key) = name.strip_prefix(PREFIX) else { continue };
            if value.is_empty() {
                continue;
            }
            let set = match key {
                "COMPUTE_CAPABILITY" => into(&mut settings.capability, capability(&value).map(Some)),
                "WORKERS" => {
                    into(&mut settings.workers, number(&value, 1024).map(|workers| Some(workers as usize)))
                }
                "CHECKS" if value == "shared" => {
                    settings.watch = true;
                    into(&mut settings.checks, Some(true))
                }
                "CHECKS" => into(&mut settings.checks, switch(&value)),
                "DETERMINISTIC" => into(&mut deterministic, switch(&value)),
                "LEAKS" => into(&mut settings.leaks, switch(&value)),
                "FUEL" => into(&mut settings.fuel, value.parse().ok().filter(|fuel| *fuel > 0).map(Some)),
                "MEMORY" => into(&mut settings.memory, bytes(&value)),
                "MULTIPROCESSORS" => into(&mut settings.multiprocessors, number(&value, 1024)),
                "LOG" => into(&mut settings.log, Some(Some(value.clone().into()))),
                _ => false,
            };
            if !set {
                return Err(SettingError { wanted: wanted(key), name, value });
            }
        }
        if deterministic {
            settings.workers = Some(1);
        }
        Ok(settings)
    }

    /// From this process's environment.
    pub(crate) fn read() -> Result<Self, SettingError> {
        Self::parse(
            std::env::vars_os().map(|(name, value)| {
                (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
            }),
        )
    }
}

/// Sets a field, if the value made sense.
fn into<T>(field: &mut T, value: Option<T>) -> bool {
    value.map(|value| *field = value).is_some()
}

/// What would make sense.
fn wanted(key: &str) -> &'static str {
    match key {
        "COMPUTE_CAPABILITY" => {
            "one of 7.5, 8.0, 8.6, 8.7, 8.8, 8.9, 9.0, 10.0, 10.3, 11.0, 12.0, 12.1 is wanted"
        }
        "WORKERS" | "MULTIPROCESSORS" => "a number from 1 to 1024 is wanted",
        "CHECKS" => "`on`, `off` or `shared` is wanted",
        "DETERMINISTIC" | "LEAKS" => "`on` or `off` is wanted",
        "FUEL" => "a number of warp instructions is wanted",
        "MEMORY" => "a size from `1M` on is wanted, such as `512M` or `16G`",
        _ => "there is no such setting of the software device",
    }
}

fn capability(text: &str) -> Option<(u32, u32)> {
    let text = text.strip_prefix("sm_").or_else(|| text.strip_prefix("compute_")).unwrap_or(text);
    let found = if let Some((major, minor)) = text.split_once('.') {
        (major.parse().ok()?, minor.parse().ok()?)
    } else {
        let number: u32 = text.parse().ok()?;
        (number / 10, number % 10)
    };
    CAPABILITIES.contains(&found).then_some(found)
}

fn number(text: &str, most: u32) -> Option<u32> {
    text.parse().ok().filter(|number| (1..=most).contains(number))
}

fn switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "1" | "true" | "yes" => Some(true),
        "off" | "0" | "false" | "no" => Some(false),
        _ => None,
    }
}

fn bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit: u64 = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "K" | "KB" | "KIB" => 1 << 10,
        "M" | "MB" | "MIB" => 1 << 20,
        "G" | "GB" | "GIB" => 1 << 30,
        "T" | "TB" | "TIB" => 1 << 40,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit).filter(|bytes| *bytes >= 1 << 20 && *bytes <= 1 << 44)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str, value: &str) -> Result<Settings, String> {
        let variables = [("PATH".to_owned(), "/bin".to_owned()), (name.to_owned(), value.to_owned())];
        Settings::parse(variables.into_iter()).map_err(|error| error.to_string())
    }

    #[test]
    fn each_variable_is_read() {
        assert_eq!(parse("CUFERRY_SOFT_COMPUTE_CAPABILITY", "12.0").unwrap().capability, Some((12, 0)));
        assert_eq!(parse("CUFERRY_SOFT_COMPUTE_CAPABILITY", "sm_86").unwrap().capability, Some((8, 6)));
        assert_eq!(parse("CUFERRY_SOFT_WORKERS", "3").unwrap().workers, Some(3));
        assert!(!parse("CUFERRY_SOFT_CHECKS", "off").unwrap().checks);
        assert_eq!(parse("CUFERRY_SOFT_DETERMINISTIC", "on").unwrap().workers, Some(1));
        assert_eq!(parse("CUFERRY_SOFT_MEMORY", "512M").unwrap().memory, 512 << 20);
        assert_eq!(parse("CUFERRY_SOFT_FUEL", "1000").unwrap().fuel, Some(1000));
        assert_eq!(parse("CUFERRY_SOFT_LOG", "/tmp/log").unwrap().log, Some("/tmp/log".into()));
        assert_eq!(parse("CUFERRY_SOFT_WORKERS", "").unwrap().workers, None);
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for (name, value) in [
            ("CUFERRY_SOFT_COMPUTE_CAPABILITY", "9.7"),
            ("CUFERRY_SOFT_COMPUTE_CAPABILITY", "hopper"),
            ("CUFERRY_SOFT_WORKERS", "0"),
            ("CUFERRY_SOFT_WORKERS", "many"),
            ("CUFERRY_SOFT_CHECKS", "maybe"),
            ("CUFERRY_SOFT_MEMORY", "12"),
            ("CUFERRY_SOFT_MEMORY", "99999999999T"),
            ("CUFERRY_SOFT_FUEL", "0"),
            ("CUFERRY_SOFT_CHEKS", "on"),
        ] {
            let error = parse(name, value).unwrap_err();
            assert!(error.contains(name) && error.contains(value), "{error}");
        }
    }
}
