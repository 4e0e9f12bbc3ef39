use std::sync::OnceLock;

use globset::{Glob, GlobMatcher};

/// A glob that was read and is compiled when it is first asked: of the globs of a policy one push
/// needs few, and compiling is the larger part of the work.
#[derive(Clone, Debug)]
pub(super) struct LazyGlob {
    glob: Glob,
    matcher: OnceLock<GlobMatcher>,
}

impl LazyGlob {
    pub(super) const fn new(glob: Glob) -> Self {
        Self {
            glob,
            matcher: OnceLock::new(),
        }
    }

    pub(super) const fn glob(&self) -> &Glob {
        &self.glob
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        let matcher = self.matcher.get_or_init(|| self.glob.compile_matcher());
        matcher.is_match(text)
    }
}
