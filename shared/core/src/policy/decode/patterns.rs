//! Globs, tag patterns and the sets made of them.

use super::super::document::Value;
use super::super::{
    CalverScheme, RepositoryGlob, RepositorySet, TagFilter, TagPattern, TagPatternError,
};
use super::{At, Decoder};

/// How many patterns one list may hold.
const MAX_PATTERNS: usize = 200;

const GLOB: &str = "a glob over repository names, such as `prod/**` or `*/api`";

const PATTERN: &str =
    "`semver`, `calver`, `git`, a tag, a glob such as `release-*`, `sha-{git}` or a `/regex/`";

const RANGE: &str = "a range such as `>=1.4, <3` or `~2.1`";

/// One glob over repository names.
pub(super) fn repository_glob(d: &mut Decoder<'_>, at: &At<'_>) -> Option<RepositoryGlob> {
    let glob = d.parsed(at, GLOB, RepositoryGlob::new)?;
    (!glob.is_costly() || d.afford(at)).then_some(glob)
}

/// A list of globs over repository names.
pub(super) fn repository_globs(d: &mut Decoder<'_>, at: &At<'_>) -> Vec<RepositoryGlob> {
    let list = d.list(
        at,
        MAX_PATTERNS,
        "globs over repository names, such as `prod/**`",
    );
    list.iter()
        .filter_map(|at| repository_glob(d, at))
        .collect()
}

/// `[…]`, or `{include: […], exclude: […]}`.
pub(super) fn repository_set(d: &mut Decoder<'_>, at: &At<'_>) -> Option<RepositorySet> {
    if let Value::List(_) = at.node.value {
        return Some(RepositorySet {
            include: repository_globs(d, at),
            exclude: Vec::new(),
        });
    }
    if !matches!(at.node.value, Value::Map(_)) {
        let expected = "a list of globs such as `[\"prod/**\"]`, or a mapping with `include` and \
                        `exclude`";
        d.wrong_type(at, expected);
        return None;
    }
    let fields = d.fields(at, &["include", "exclude"])?;
    let include = match fields.get("include") {
        Some(at) => repository_globs(d, &at),
        None => RepositorySet::all().include,
    };
    let exclude = match fields.get("exclude") {
        Some(at) => d
            .list_or_empty(
                &at,
                MAX_PATTERNS,
                "globs over repository names, such as `prod/**`",
            )
            .iter()
            .filter_map(|at| repository_glob(d, at))
            .collect(),
        None => Vec::new(),
    };
    Some(RepositorySet { include, exclude })
}

/// A list of tag patterns with at least one entry.
pub(super) fn tag_patterns(d: &mut Decoder<'_>, at: &At<'_>) -> Vec<TagPattern> {
    let list = d.list(at, MAX_PATTERNS, PATTERN);
    list.iter().filter_map(|at| tag_pattern(d, at)).collect()
}

/// A list of tag patterns that may be empty.
pub(super) fn tag_patterns_or_none(d: &mut Decoder<'_>, at: &At<'_>) -> Vec<TagPattern> {
    let list = d.list_or_empty(at, MAX_PATTERNS, PATTERN);
    list.iter().filter_map(|at| tag_pattern(d, at)).collect()
}

/// `{allow: […], deny: […]}`.
pub(super) fn tag_filter(d: &mut Decoder<'_>, at: &At<'_>) -> Option<TagFilter> {
    let fields = d.fields(at, &["allow", "deny"])?;
    let allow = fields.get("allow");
    let deny = fields.get("deny");
    if allow.is_none() && deny.is_none() {
        d.invalid(
            at,
            "has neither `allow` nor `deny`",
            "`allow`, `deny` or both",
        );
    }
    Some(TagFilter {
        allow: allow.map(|at| tag_patterns(d, &at)).unwrap_or_default(),
        deny: deny.map(|at| tag_patterns(d, &at)).unwrap_or_default(),
    })
}

fn tag_pattern(d: &mut Decoder<'_>, at: &At<'_>) -> Option<TagPattern> {
    pattern(d, at, true)
}

/// The pattern of the tags that others are derived from. What is derived follows releases, so a
/// version is no pre-release here unless the pattern says so.
pub(super) fn source_pattern(d: &mut Decoder<'_>, at: &At<'_>) -> Option<TagPattern> {
    pattern(d, at, false)
}

fn pattern(d: &mut Decoder<'_>, at: &At<'_>, prereleases: bool) -> Option<TagPattern> {
    let pattern = match &at.node.value {
        Value::Map(_) => pattern_with_options(d, at, prereleases)?,
        Value::Text(text) if text == "semver" => TagPattern::semver(None, prereleases).ok()?,
        _ => {
            let text = d.text(at, PATTERN)?;
            TagPattern::new(text)
                .map_err(|error| wrong_pattern(d, at, text, &error))
                .ok()?
        }
    };
    (!pattern.is_costly() || d.afford(at)).then_some(pattern)
}

fn wrong_pattern(d: &mut Decoder<'_>, at: &At<'_>, text: &str, error: &TagPatternError) {
    let expected = match error {
        TagPatternError::Placeholder(_) => "`{semver}`, `{calver}` or `{git}`",
        TagPatternError::Range(_) => RANGE,
        TagPatternError::Calver(_) => CalverScheme::EXPECTED,
        TagPatternError::NearKeyword { keyword, text } => {
            let expected = format!("`{keyword}`, or `{{exact: {text}}}` for a tag of that name");
            d.invalid(at, format!("`{text}` {error}"), &expected);
            return;
        }
        TagPatternError::OpenRegex | TagPatternError::Regex(_) => {
            "a regular expression between slashes, without look-around or back-references"
        }
        _ => PATTERN,
    };
    d.invalid(at, format!("`{}` {error}", super::shorten(text)), expected);
}

/// `{semver: {range: …, prerelease: …}}`, `{calver: {scheme: …}}`, `{exact: …}`, `{glob: …}` or
/// `{regex: …}`.
fn pattern_with_options(d: &mut Decoder<'_>, at: &At<'_>, prereleases: bool) -> Option<TagPattern> {
    const KINDS: [&str; 5] = ["semver", "calver", "exact", "glob", "regex"];
    let before = d.errors.len();
    let fields = d.fields(at, &KINDS)?;
    let mut found = KINDS
        .iter()
        .filter_map(|kind| Some((*kind, fields.get(kind)?)));
    let (Some((kind, inner)), None) = (found.next(), found.next()) else {
        if d.errors.len() == before {
            d.invalid(
                at,
                "is not one kind of pattern",
                &super::one_of(&KINDS, "", "exactly one of"),
            );
        }
        return None;
    };
    match kind {
        "semver" => semver(d, &inner, prereleases),
        "calver" => {
            let fields = d.fields(&inner, &["scheme"])?;
            let at = d.required(&fields, "scheme", CalverScheme::EXPECTED)?;
            d.parsed(&at, CalverScheme::EXPECTED, TagPattern::calver)
        }
        "exact" => d.parsed(&inner, "a tag", TagPattern::exact),
        "glob" => d.parsed(&inner, "a glob such as `release-*`", TagPattern::glob),
        _ => {
            let expected = "a regular expression without the slashes";
            d.parsed(&inner, expected, TagPattern::regex)
        }
    }
}

fn semver(d: &mut Decoder<'_>, at: &At<'_>, prereleases: bool) -> Option<TagPattern> {
    let fields = d.fields(at, &["range", "prerelease"])?;
    let prerelease = match fields.get("prerelease") {
        Some(at) => d.boolean(&at)?,
        None => prereleases,
    };
    match fields.get("range") {
        Some(at) => d.parsed(&at, RANGE, |range| {
            TagPattern::semver(Some(range), prerelease)
        }),
        None => TagPattern::semver(None, prerelease).ok(),
    }
}
