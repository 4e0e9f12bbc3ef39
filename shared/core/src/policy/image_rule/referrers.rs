//! Signatures, SBOMs and provenance: the artifact types that the usual tools give them.

use std::time::Duration;

use super::{RequiredReferrer, TextGlob, TextPatternError};
use crate::facts::ReferrerFacts;

/// Annotations in which a referrer tells the predicate type of the statement that it holds: cosign's
/// bundles, and BuildKit's attestations.
const PREDICATE_TYPES: [&str; 2] = [
    "dev.sigstore.bundle.predicateType",
    "in-toto.io/predicate-type",
];

impl RequiredReferrer {
    /// A signature by cosign (its own artifact type, or a bundle) or by notation.
    ///
    /// # Errors
    ///
    /// None in practice: the globs are constants.
    pub fn signature(within: Duration) -> Result<Self, TextPatternError> {
        Self::new(
            "signature",
            &[
                "application/vnd.dev.cosign.artifact.sig.v1+json",
                "application/vnd.dev.sigstore.bundle*",
                "application/vnd.cncf.notary.signature",
            ],
            &["https://sigstore.dev/cosign/sign/*"],
            within,
        )
    }

    /// An SBOM in the formats of SPDX, CycloneDX or Syft, by itself or as a statement.
    ///
    /// # Errors
    ///
    /// None in practice: the globs are constants.
    pub fn sbom(within: Duration) -> Result<Self, TextPatternError> {
        Self::new(
            "SBOM",
            &[
                "application/spdx+json",
                "application/vnd.spdx*",
                "text/spdx*",
                "application/vnd.cyclonedx*",
                "application/vnd.syft+json",
                "application/vnd.syft.*",
                "text/sbom+json",
                "application/vnd.dev.cosign.artifact.sbom.v1+json",
            ],
            &[
                "https://spdx.dev/Document*",
                "https://cyclonedx.org/bom*",
                "https://syft.dev/bom*",
            ],
            within,
        )
    }

    /// A provenance statement of SLSA. An in-toto artifact that does not tell its predicate type
    /// counts as one.
    ///
    /// # Errors
    ///
    /// None in practice: the globs are constants.
    pub fn provenance(within: Duration) -> Result<Self, TextPatternError> {
        Self::new(
            "provenance",
            &["application/vnd.in-toto+json", "application/vnd.slsa*"],
            &[
                "https://slsa.dev/provenance/*",
                "https://slsa.dev/provenance",
            ],
            within,
        )
    }

    fn new(
        what: &str,
        artifact_types: &[&str],
        predicate_types: &[&str],
        within: Duration,
    ) -> Result<Self, TextPatternError> {
        let globs = |texts: &[&str]| -> Result<Vec<TextGlob>, TextPatternError> {
            texts.iter().map(|text| TextGlob::new(text)).collect()
        };
        Ok(Self {
            what: what.to_owned(),
            artifact_types: globs(artifact_types)?,
            predicate_types: globs(predicate_types)?,
            within,
        })
    }

    /// Whether a referrer is what is required.
    #[must_use]
    pub fn is_met_by(&self, referrer: &ReferrerFacts) -> bool {
        let any = |globs: &[TextGlob], text: &str| globs.iter().any(|glob| glob.matches(text));
        let predicate = PREDICATE_TYPES
            .iter()
            .find_map(|name| referrer.annotations.get(*name));
        match predicate {
            Some(predicate) if !self.predicate_types.is_empty() => {
                any(&self.predicate_types, predicate)
            }
            _ => any(&self.artifact_types, &referrer.artifact_type),
        }
    }

    /// The artifact types, for messages.
    pub(super) fn accepted(&self) -> String {
        let names: Vec<String> = self
            .artifact_types
            .iter()
            .take(3)
            .map(|glob| format!("`{}`", glob.as_str()))
            .collect();
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn referrer(artifact_type: &str, predicate: Option<(&str, &str)>) -> ReferrerFacts {
        ReferrerFacts {
            digest: format!("sha256:{}", "a".repeat(64)).parse().unwrap(),
            artifact_type: artifact_type.to_owned(),
            annotations: predicate
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into_iter()
                .collect(),
        }
    }

    /// Which of signature, SBOM and provenance a referrer is.
    fn kinds(artifact_type: &str, predicate: Option<(&str, &str)>) -> Vec<String> {
        let found = referrer(artifact_type, predicate);
        let within = Duration::from_secs(900);
        [
            RequiredReferrer::signature(within),
            RequiredReferrer::sbom(within),
            RequiredReferrer::provenance(within),
        ]
        .into_iter()
        .map(Result::unwrap)
        .filter(|required| required.is_met_by(&found))
        .map(|required| required.what)
        .collect()
    }

    #[test]
    fn the_artifacts_of_the_usual_tools_are_known() {
        let bundle = "application/vnd.dev.sigstore.bundle.v0.3+json";
        let in_toto = "application/vnd.in-toto+json";
        let predicate = |value| Some(("dev.sigstore.bundle.predicateType", value));
        let cases = [
            (
                "application/vnd.dev.cosign.artifact.sig.v1+json",
                None,
                "signature",
            ),
            ("application/vnd.cncf.notary.signature", None, "signature"),
            (bundle, None, "signature"),
            (
                bundle,
                predicate("https://sigstore.dev/cosign/sign/v1"),
                "signature",
            ),
            (
                bundle,
                predicate("https://slsa.dev/provenance/v1"),
                "provenance",
            ),
            (bundle, predicate("https://cyclonedx.org/bom"), "SBOM"),
            (
                bundle,
                predicate("https://in-toto.io/attestation/vulns"),
                "",
            ),
            ("application/spdx+json", None, "SBOM"),
            ("application/vnd.cyclonedx+json", None, "SBOM"),
            ("application/vnd.syft+json", None, "SBOM"),
            (in_toto, None, "provenance"),
            (
                in_toto,
                Some(("in-toto.io/predicate-type", "https://spdx.dev/Document")),
                "SBOM",
            ),
            ("application/vnd.oci.image.config.v1+json", None, ""),
        ];
        for (artifact_type, predicate, expected) in cases {
            assert_eq!(
                kinds(artifact_type, predicate).join(" "),
                expected,
                "{artifact_type} {predicate:?}"
            );
        }
    }

    #[test]
    fn a_type_of_ones_own_is_taken_whatever_it_states() {
        let required = RequiredReferrer {
            what: "scan".to_owned(),
            artifact_types: vec![TextGlob::new("application/vnd.in-toto*").unwrap()],
            predicate_types: Vec::new(),
            within: Duration::from_secs(60),
        };
        let stated = Some(("in-toto.io/predicate-type", "https://example.com/scan"));
        assert!(required.is_met_by(&referrer("application/vnd.in-toto+json", stated)));
        assert!(!required.is_met_by(&referrer("text/plain", stated)));
    }
}
