//! Images, indexes, referrers and artifacts for tests and the demo.
