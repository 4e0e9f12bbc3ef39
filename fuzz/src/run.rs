//! One run: inputs are made and tried until the time is over or something breaks.

use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hasher as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};

use crate::corpus;
use crate::mutate::Mutator;
use crate::targets::Target;

/// The stack of the functions' threads.
const STACK: usize = 2 << 20;
/// How long one input may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many inputs with an answer of their own are kept.
const POOL: usize = 4096;

/// What a run did.
pub(crate) struct Summary {
    target: &'static str,
    runs: u64,
    took: Duration,
    answers: usize,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.took.as_secs_f64();
        let Self {
            target,
            runs,
            answers,
            ..
        } = self;
        write!(
            f,
            "{target:<10} {runs:>9} inputs in {seconds:.1} s, {answers} different answers"
        )
    }
}

/// The input that is being tried, and since when.
type Current = Arc<Mutex<Option<(Instant, Vec<u8>)>>>;

/// Feeds a target for some time.
pub(crate) fn run(target: &'static Target, time: Duration, seed: u64) -> anyhow::Result<Summary> {
    let current = Current::default();
    watch(target, &current);
    let runner = std::thread::Builder::new()
        .name(target.name.to_owned())
        .stack_size(STACK)
        .spawn(move || feed(target, time, seed, &current))
        .context("cannot start a thread")?;
    runner
        .join()
        .map_err(|_| anyhow!("the runner itself broke"))?
}

fn feed(
    target: &'static Target,
    time: Duration,
    seed: u64,
    current: &Current,
) -> anyhow::Result<Summary> {
    let mut pool = corpus::load(target)?;
    let words = corpus::words(&pool);
    let mut mutator = Mutator {
        random: fastrand::Rng::with_seed(seed),
        words: &words,
        longest: target.longest,
    };
    let mut answers = HashSet::new();
    let begin = Instant::now();
    // First what is known as it is: what was found once must not come back.
    let known = pool.clone();
    let mut known = known.into_iter();
    let mut runs = 0;
    loop {
        let input = match known.next() {
            Some(input) => input,
            None if begin.elapsed() >= time => break,
            None => mutator.next(&pool),
        };
        runs += 1;
        set(current, Some((Instant::now(), input.clone())));
        let answer = attempt(target, &input);
        set(current, None);
        match answer {
            Ok(answer) => {
                if answers.insert(hash(&answer)) && pool.len() < POOL {
                    pool.push(input);
                }
            }
            Err(said) => {
                let smallest = shrink(target, input);
                let file = keep(target, &smallest)?;
                let text = String::from_utf8_lossy(&smallest);
                bail!(
                    "input {runs} of seed {seed} breaks it: {said}\n{text}\nkept as {}",
                    file.display()
                );
            }
        }
    }
    Ok(Summary {
        target: target.name,
        runs,
        took: begin.elapsed(),
        answers: answers.len(),
    })
}

/// What became of an input, or what the panic said.
fn attempt(target: &Target, input: &[u8]) -> Result<String, String> {
    let said = Arc::new(Mutex::new(String::from("it panics")));
    let heard = Arc::clone(&said);
    std::panic::set_hook(Box::new(move |panic| {
        *heard.lock().unwrap_or_else(PoisonError::into_inner) = panic.to_string();
    }));
    let answer = catch_unwind(AssertUnwindSafe(|| (target.feed)(input)));
    drop(std::panic::take_hook());
    answer.map_err(|_| said.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

/// Takes parts away for as long as it still breaks.
fn shrink(target: &Target, mut input: Vec<u8>) -> Vec<u8> {
    let begin = Instant::now();
    let mut size = input.len() / 2;
    while size > 0 && begin.elapsed() < PATIENCE {
        let mut start = 0;
        while start < input.len() {
            let end = (start + size).min(input.len());
            let less = [&input[..start], &input[end..]].concat();
            if attempt(target, &less).is_err() {
                input = less;
            } else {
                start = end;
            }
        }
        size /= 2;
    }
    input
}

/// Writes an input that breaks something to a file.
fn keep(target: &Target, input: &[u8]) -> anyhow::Result<PathBuf> {
    let folder = corpus::here().join("findings").join(target.name);
    let file = folder.join(format!("{:016x}", hash(&input)));
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(&file, input))
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

/// Ends everything when an input takes too long: nothing else could stop it.
fn watch(target: &'static Target, current: &Current) {
    let current = Arc::clone(current);
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(250));
            let now = current
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            let Some((since, input)) = now else { continue };
            if since.elapsed() > PATIENCE {
                let kept = keep(target, &input)
                    .map_or_else(|e| e.to_string(), |f| f.display().to_string());
                eprintln!(
                    "{}: an input takes longer than {PATIENCE:?}: {kept}",
                    target.name
                );
                std::process::exit(1);
            }
        }
    });
}

fn set(current: &Current, to: Option<(Instant, Vec<u8>)>) {
    *current.lock().unwrap_or_else(PoisonError::into_inner) = to;
}

fn hash(of: &impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}
