//! The `WWW-Authenticate` header (RFC 9110, section 11.6.1).

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

/// What a registry asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// User name and password with every request.
    Basic,
    /// A token of a token service.
    Bearer {
        realm: String,
        service: Option<String>,
    },
}

/// The strongest challenge of a reply that this client can answer: a token before a password.
pub(crate) fn strongest(headers: &HeaderMap) -> Option<Challenge> {
    let mut basic = None;
    for value in headers.get_all(WWW_AUTHENTICATE) {
        let Ok(text) = value.to_str() else { continue };
        for (scheme, params) in parse(text) {
            let param = |name: &str| {
                params
                    .iter()
                    .find(|(key, _)| key.eq_ignore_ascii_case(name))
                    .map(|(_, value)| value.clone())
            };
            if scheme.eq_ignore_ascii_case("bearer")
                && let Some(realm) = param("realm")
            {
                return Some(Challenge::Bearer {
                    realm,
                    service: param("service"),
                });
            }
            if scheme.eq_ignore_ascii_case("basic") {
                basic = Some(Challenge::Basic);
            }
        }
    }
    basic
}

type Params = Vec<(String, String)>;

/// Splits a header into its challenges: a word followed by `=` is a parameter, any other word
/// begins the next challenge.
fn parse(text: &str) -> Vec<(String, Params)> {
    let mut challenges: Vec<(String, Params)> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
        let end = rest.find(|c: char| !is_token(c)).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        if word.is_empty() {
            // Not a header that means anything from here on.
            return challenges;
        }
        let behind = behind.trim_start();
        match behind.strip_prefix('=') {
            Some(value) => {
                let (value, behind) = read_value(value.trim_start());
                if let Some((_, params)) = challenges.last_mut() {
                    params.push((word.to_owned(), value));
                }
                rest = behind;
            }
            None => {
                challenges.push((word.to_owned(), Vec::new()));
                rest = behind;
            }
        }
    }
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

/// Reads a token or a quoted string; what follows it comes back too.
fn read_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text
            .find(|c: char| c == ',' || c.is_whitespace())
            .unwrap_or(text.len());
        let (value, behind) = text.split_at(end);
        return (value.to_owned(), behind);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            _ => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn read(lines: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(line).unwrap());
        }
        strongest(&headers)
    }

    fn bearer(realm: &str, service: Option<&str>) -> Option<Challenge> {
        Some(Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
        })
    }

    #[test]
    fn challenges_of_real_registries_are_read() {
        for (lines, expected) in [
            (
                vec![
                    r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#,
                ],
                bearer("https://auth.docker.io/token", Some("registry.docker.io")),
            ),
            (
                vec![
                    r#"Basic realm="https://111122223333.dkr.ecr.eu-west-1.amazonaws.com/",service="ecr.amazonaws.com""#,
                ],
                Some(Challenge::Basic),
            ),
            (
                vec![r#"Basic realm="x", Bearer realm="https://a/t""#],
                bearer("https://a/t", None),
            ),
            (
                vec![r#"bearer  realm = "https://a/t" , service = s"#, "Basic"],
                bearer("https://a/t", Some("s")),
            ),
            (vec!["Negotiate", "BASIC realm=x"], Some(Challenge::Basic)),
            (vec![r#"Bearer realm="a\"b""#], bearer("a\"b", None)),
            (vec!["Bearer service=x"], None),
            (vec!["Negotiate dG9rZW4="], None),
            (vec![""], None),
            (vec![r#"Bearer realm="unclosed"#], bearer("unclosed", None)),
            (vec!["=,=\"\",;"], None),
        ] {
            assert_eq!(read(&lines), expected, "{lines:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_header_makes_the_parser_panic(text in "[ -~]{0,80}") {
            let _ = parse(&text);
        }
    }
}
