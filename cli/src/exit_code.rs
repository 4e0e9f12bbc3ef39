//! The exit codes of `steward`, documented in `docs/CLI.md`.

/// How a run of `steward` ended, for the caller's shell.
///
/// The numbers are part of the command's interface and never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Exit {
    /// The command did what was asked; for `validate`: every policy is valid.
    Ok = 0,
    /// A defect of `steward` itself.
    Internal = 1,
    /// The command line is wrong.
    Usage = 2,
    /// A policy was read and has mistakes.
    InvalidPolicy = 3,
    /// An event, facts, cases or an inventory were read and have mistakes.
    InvalidInput = 4,
    /// A registry, a network or a service failed in a way that may pass: try again.
    Transient = 5,
    /// A registry or this command refused, and would refuse again: something must be changed first.
    Refused = 6,
    /// A file named on the command line cannot be read, or the result cannot be written.
    Unreadable = 7,
    /// Cases came out otherwise than they expect.
    Mismatch = 8,
    /// Copies are missing, or could not be made.
    Behind = 9,
    /// Stopped by Ctrl-C.
    Interrupted = 130,
}

impl Exit {
    /// Every code there is, in ascending order.
    pub const ALL: [Self; 11] = [
        Self::Ok,
        Self::Internal,
        Self::Usage,
        Self::InvalidPolicy,
        Self::InvalidInput,
        Self::Transient,
        Self::Refused,
        Self::Unreadable,
        Self::Mismatch,
        Self::Behind,
        Self::Interrupted,
    ];

    /// The number that the shell sees.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The stable name that `--format json` prints as `error.type`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Internal => "internal",
            Self::Usage => "usage",
            Self::InvalidPolicy => "invalid-policy",
            Self::InvalidInput => "invalid-input",
            Self::Transient => "transient",
            Self::Refused => "refused",
            Self::Unreadable => "unreadable",
            Self::Mismatch => "mismatch",
            Self::Behind => "behind",
            Self::Interrupted => "interrupted",
        }
    }

    /// One line for `steward --help` and for a person.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "done; for validate: every policy is valid",
            Self::Internal => "a defect of steward itself",
            Self::Usage => "the command line is wrong",
            Self::InvalidPolicy => "a policy has mistakes",
            Self::InvalidInput => "the event, facts, cases or inventory have mistakes",
            Self::Transient => "a registry or service failed in a way that may pass: try again",
            Self::Refused => "refused, and it would be refused again: change something first",
            Self::Unreadable => "a file cannot be read, or the result cannot be written",
            Self::Mismatch => "a case came out otherwise than it expects",
            Self::Behind => "copies are missing, or could not be made",
            Self::Interrupted => "stopped by Ctrl-C",
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
