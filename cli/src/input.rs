//! Reading the files that a command line names, with a bound; `-` is standard input.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use steward_core::policy::Policy;

use crate::error::CliError;

/// The most that a policy may have.
pub const MAX_POLICY_BYTES: u64 = 1024 * 1024;
/// The most that an event may have; EventBridge carries at most 1 MiB.
pub const MAX_EVENT_BYTES: u64 = 2 * 1024 * 1024;
/// The most that a file of facts may have.
pub const MAX_FACTS_BYTES: u64 = 4 * 1024 * 1024;

/// Why an input cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// The file system says no.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// More than any real input of the kind.
    #[error("it has more than {limit} bytes")]
    TooLarge {
        /// The most that is read.
        limit: u64,
    },
    /// Not text.
    #[error("it is not UTF-8: byte {offset} starts no character")]
    NotUtf8 {
        /// Position of the first byte that is wrong, from 0.
        offset: usize,
    },
}

impl InputError {
    /// What to do about it, where there is something to say.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                Some("check the path; `-` reads standard input")
            }
            Self::Io(_) => None,
            Self::TooLarge { .. } => Some("check that it is the file you mean"),
            Self::NotUtf8 { .. } => Some("save the file as UTF-8"),
        }
    }
}

/// How a file is called in messages.
#[must_use]
pub fn display_name(path: &Path) -> String {
    if is_stdin(path) {
        "<stdin>".to_owned()
    } else {
        path.display().to_string()
    }
}

/// Whether the argument means standard input.
#[must_use]
pub fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Refuses a command line that reads standard input twice.
pub fn refuse_second_stdin<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<(), CliError> {
    if paths.into_iter().filter(|path| is_stdin(path)).count() < 2 {
        return Ok(());
    }
    Err(CliError::Usage {
        message: "standard input is named more than once".into(),
        remedy: "`-` can stand for one of the files only".into(),
    })
}

/// Reads a text of at most `limit` bytes.
pub fn read(path: &Path, limit: u64) -> Result<String, CliError> {
    let text = if is_stdin(path) {
        bounded(io::stdin().lock(), limit)
    } else {
        File::open(path)
            .map_err(InputError::from)
            .and_then(|file| bounded(file, limit))
    };
    text.map_err(|source| CliError::Read {
        name: display_name(path),
        source,
    })
}

/// Reads a policy file, and says how it is called in messages.
pub fn policy(path: &Path) -> Result<(Policy, String), CliError> {
    let name = display_name(path);
    let text = read(path, MAX_POLICY_BYTES)?;
    let policy = Policy::parse(&text, &name).map_err(|source| CliError::Policy { source })?;
    Ok((policy, name))
}

fn bounded(stream: impl Read, limit: u64) -> Result<String, InputError> {
    let mut bytes = Vec::new();
    stream.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(InputError::TooLarge { limit });
    }
    String::from_utf8(bytes).map_err(|error| InputError::NotUtf8 {
        offset: error.utf8_error().valid_up_to(),
    })
}

#[cfg(test)]
mod tests {
    use super::{InputError, bounded};

    #[test]
    fn a_text_of_the_limit_is_read_and_one_byte_more_is_refused() {
        assert_eq!(bounded(&b"four"[..], 4).unwrap(), "four");
        assert!(matches!(
            bounded(&b"fours"[..], 4),
            Err(InputError::TooLarge { limit: 4 })
        ));
    }

    #[test]
    fn what_is_not_utf8_is_refused_with_its_place() {
        let error = bounded(&b"ab\xffc"[..], 16).unwrap_err();
        assert_eq!(
            error.to_string(),
            "it is not UTF-8: byte 2 starts no character"
        );
    }
}
