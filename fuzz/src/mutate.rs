//! Changes to inputs: of bytes, of words, of lines, and of what stands in brackets.

use fastrand::Rng;

/// Numbers at the edges of types.
const NUMBERS: [&str; 12] = [
    "0",
    "-1",
    "1",
    "127",
    "256",
    "65536",
    "2147483648",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775809",
    "18446744073709551616",
    "1e309",
];

/// What is put around things.
const BRACKETS: [(&str, &str); 8] = [
    ("(", ")"),
    ("[", "]"),
    ("{", "}"),
    ("\"", "\""),
    ("'", "'"),
    ("/", "/"),
    ("!", ""),
    ("- ", ""),
];

/// Makes new inputs from known ones.
pub(crate) struct Mutator<'a> {
    pub(crate) random: Rng,
    pub(crate) words: &'a [Vec<u8>],
    pub(crate) longest: usize,
}

impl Mutator<'_> {
    /// A new input, from one of the pool and sometimes parts of a second.
    pub(crate) fn next(&mut self, pool: &[Vec<u8>]) -> Vec<u8> {
        let mut input = self.any(pool).to_vec();
        for _ in 0..=self.random.usize(..6) {
            self.change(&mut input, pool);
        }
        input.truncate(self.longest);
        input
    }

    fn any<'p>(&mut self, of: &'p [Vec<u8>]) -> &'p [u8] {
        self.random.choice(of).map_or(&[], Vec::as_slice)
    }

    /// Somewhere in the input, and a short way on.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.random.usize(..=length);
        let most = if self.random.u8(..8) == 0 { length } else { 16 };
        let end = (start + self.random.usize(..=most)).min(length);
        start..end
    }

    fn change(&mut self, input: &mut Vec<u8>, pool: &[Vec<u8>]) {
        let range = self.range(input.len());
        match self.random.u8(..16) {
            0 => {
                if let Some(byte) = input.get_mut(range.start) {
                    *byte ^= 1 << self.random.u8(..8);
                }
            }
            1 => {
                if let Some(byte) = input.get_mut(range.start) {
                    *byte = self.random.u8(..);
                }
            }
            2 => {
                let bytes: Vec<u8> = (0..self.random.usize(1..9))
                    .map(|_| self.random.u8(..))
                    .collect();
                input.splice(range.start..range.start, bytes);
            }
            3 | 4 => drop(input.drain(range)),
            5 => {
                let part = input[range.clone()].to_vec();
                let times = self.random.usize(1..8);
                input.splice(range.end..range.end, part.repeat(times));
            }
            6 => {
                let part = input[range].to_vec();
                let at = self.random.usize(..=input.len());
                input.splice(at..at, part);
            }
            7 => {
                let other = self.any(pool);
                let from = self.random.usize(..=other.len());
                input.truncate(range.start);
                input.extend_from_slice(&other[from..]);
            }
            8 => {
                let other = self.any(pool);
                let part = self.range(other.len());
                input.splice(range, other[part].to_vec());
            }
            9 => {
                let word = self.any(self.words).to_vec();
                input.splice(range.start..range.start, word);
            }
            10 | 11 => {
                let word = if self.random.bool() {
                    self.any(self.words).to_vec()
                } else {
                    NUMBERS[self.random.usize(..NUMBERS.len())].into()
                };
                let at = word_around(input, range.start);
                input.splice(at, word);
            }
            12 => {
                let (open, close) = BRACKETS[self.random.usize(..BRACKETS.len())];
                let times = if self.random.u8(..8) == 0 { 200 } else { 1 };
                input.splice(range.end..range.end, close.repeat(times).into_bytes());
                input.splice(range.start..range.start, open.repeat(times).into_bytes());
            }
            _ => self.change_lines(input),
        }
    }

    fn change_lines(&mut self, input: &mut Vec<u8>) {
        let mut lines: Vec<Vec<u8>> = input
            .split_inclusive(|b| *b == b'\n')
            .map(<[u8]>::to_vec)
            .collect();
        if lines.is_empty() {
            return;
        }
        let (a, b) = (
            self.random.usize(..lines.len()),
            self.random.usize(..lines.len()),
        );
        match self.random.u8(..4) {
            0 => lines.swap(a, b),
            1 => drop(lines.remove(a)),
            2 => lines.insert(b, lines[a].clone()),
            _ => {
                let spaces = self.random.usize(..5);
                let indent = lines[a].iter().take_while(|b| **b == b' ').count();
                lines[a].splice(..indent, vec![b' '; spaces]);
            }
        }
        *input = lines.concat();
    }
}

/// The letters and digits around a place.
fn word_around(input: &[u8], at: usize) -> std::ops::Range<usize> {
    let is_word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let (before, behind) = input.split_at(at);
    let start = at - before.iter().rev().take_while(|b| is_word(b)).count();
    let end = at + behind.iter().take_while(|b| is_word(b)).count();
    start..end
}
