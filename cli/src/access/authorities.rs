//! Certificate authorities that the person at this shell trusts besides the public ones.

use std::path::{Path, PathBuf};

use steward_registry::CertificateDer;

use crate::error::CliError;
use crate::input;

/// The variable by which OpenSSL, curl and what is written in Go are told the same.
const VARIABLE: &str = "SSL_CERT_FILE";

/// Debian's file with all public authorities has a quarter of a megabyte.
const MAX_BYTES: u64 = 4 << 20;

/// The certificates in the file that the variable names; none where it is unset or empty.
///
/// # Errors
///
/// When the file cannot be read or holds no certificate.
pub(super) fn of_process() -> Result<Vec<CertificateDer<'static>>, CliError> {
    match std::env::var_os(VARIABLE) {
        Some(file) if !file.is_empty() => read(&PathBuf::from(file)),
        _ => Ok(Vec::new()),
    }
}

fn read(file: &Path) -> Result<Vec<CertificateDer<'static>>, CliError> {
    let text = input::read(file, MAX_BYTES)?;
    certificates(&text).map_err(|source| CliError::Argument {
        argument: format!("{}, which the variable {VARIABLE} names,", file.display()),
        source: source.into(),
        remedy: "let it name a file with certificates in PEM form, or unset it",
    })
}

fn certificates(text: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = steward_registry::certificates_of_pem(text).collect();
    match read {
        Ok(certificates) if certificates.is_empty() => Err("it holds no certificate".to_owned()),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(format!("it is not in PEM form: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::certificates;

    // "AAAA" is no certificate; whether it is one is for the TLS library to say.
    const BLOCK: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

    #[test]
    fn certificates_are_taken_and_other_texts_refused() {
        let two = format!("# a comment\n{BLOCK}{BLOCK}");
        assert_eq!(certificates(&two).unwrap().len(), 2);
        let key = BLOCK.replace("CERTIFICATE", "PRIVATE KEY");
        for text in ["", "hello", key.as_str()] {
            assert_eq!(certificates(text).unwrap_err(), "it holds no certificate");
        }
        let broken = BLOCK.replace("AAAA", "A?AA");
        let error = certificates(&broken).unwrap_err();
        assert!(error.starts_with("it is not in PEM form"), "{error}");
    }
}
