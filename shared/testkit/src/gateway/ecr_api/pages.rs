//! Paging, as ECR's list operations have it.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::gateway::refusal::Refusal;

/// Entries of a page where the caller names no number, and the most that it may name.
const DEFAULT: usize = 100;
const MOST: usize = 1_000;

/// Which page a caller wants.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageRequest {
    max_results: Option<usize>,
    next_token: Option<String>,
}

impl PageRequest {
    /// One page of `entries`, as `{<key>: […], nextToken?}`.
    pub(crate) fn page(&self, key: &str, entries: Vec<Value>) -> Result<Value, Refusal> {
        let size = self.max_results.unwrap_or(DEFAULT);
        if size == 0 || size > MOST {
            return Err(Refusal::Parameter {
                at: "maxResults",
                reason: format!("'Member must have a value from 1 to {MOST}', not {size}"),
            });
        }
        let start = match &self.next_token {
            None => 0,
            Some(token) => token
                .strip_prefix("after-")
                .and_then(|n| n.parse::<usize>().ok())
                .ok_or_else(|| Refusal::Parameter {
                    at: "nextToken",
                    reason: format!("'{token}' is no token of this operation"),
                })?,
        };
        let end = start.saturating_add(size);
        let more = end < entries.len();
        let page: Vec<Value> = entries.into_iter().skip(start).take(size).collect();
        let mut output = json!({ key: page });
        if let Some(object) = output.as_object_mut().filter(|_| more) {
            object.insert("nextToken".into(), format!("after-{end}").into());
        }
        Ok(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(json: Value) -> PageRequest {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn pages_follow_one_another_until_the_last() {
        let entries: Vec<Value> = (0..5).map(|n| json!(n)).collect();
        let mut seen = Vec::new();
        let mut next = json!({ "maxResults": 2 });
        loop {
            let page = request(next).page("x", entries.clone()).unwrap();
            seen.extend(page["x"].as_array().unwrap().clone());
            match page.get("nextToken") {
                Some(token) => next = json!({ "maxResults": 2, "nextToken": token }),
                None => break,
            }
        }
        assert_eq!(seen, entries);
    }

    #[test]
    fn pages_have_100_entries_unless_told_and_never_over_1000() {
        let entries: Vec<Value> = (0..101).map(|n| json!(n)).collect();
        let page = request(json!({})).page("x", entries.clone()).unwrap();
        assert_eq!(page["x"].as_array().unwrap().len(), 100);
        for wrong in [
            json!({"maxResults": 0}),
            json!({"maxResults": 1001}),
            json!({"nextToken": "?"}),
        ] {
            request(wrong).page("x", entries.clone()).unwrap_err();
        }
    }
}
