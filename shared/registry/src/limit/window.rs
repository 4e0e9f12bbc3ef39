//! The arithmetic of a bound: additive increase, multiplicative decrease. Pure; the caller brings
//! the time.
//!
//! Two things are bounded, because registries throttle in two ways: how many requests are under way
//! (the window), and, once a registry has refused more than one burst, how many begin in a second (the
//! rate). Without the rate, a registry that answers in 20 ms and takes ten writes a second would go on
//! refusing even a window of one. A single refusal may be a hiccup, and sets no rate.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The window before anything is known.
const FIRST_WINDOW: f64 = 8.0;
/// What is left of the window after a refusal.
const WINDOW_LEFT: f64 = 0.5;
/// What is left of the rate, or of what the registry was seen to serve where that is more: a client
/// that asks for little is served little, which says nothing of what it could have.
const RATE_LEFT: f64 = 0.7;
/// What a registry is taken to serve in a second when nothing but its refusals is known.
const FIRST_RATE: f64 = 5.0;
/// The rate grows by this much in a second, or by its share if that is more; and faster the longer
/// nothing was refused: twice as fast after [`CALM`].
const RATE_GROWTH: (f64, f64) = (0.1, 0.05);
const CALM: Duration = Duration::from_secs(10);
/// Rates, in requests a second, are never slower.
const SLOWEST: f64 = 0.5;
/// How long nothing begins after a refusal that does not say how long.
const PAUSE: Duration = Duration::from_millis(500);
/// Over what time the served rate is measured.
const SECOND: Duration = Duration::from_secs(1);
/// Answers remembered for that.
const REMEMBERED: usize = 1000;

/// The bound on one kind of request.
#[derive(Debug)]
pub(crate) struct Window {
    size: f64,
    ceiling: f64,
    under_way: usize,
    /// Requests that may begin in a second; none until a registry has refused one.
    rate: Option<f64>,
    /// When the rate last grew.
    grown: Option<Instant>,
    /// Nothing begins before.
    next: Option<Instant>,
    /// When the bound was last lowered.
    lowered: Option<Instant>,
    /// Answers of the last second.
    answered: VecDeque<Instant>,
}

/// Whether one more request may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It counts as begun.
    Now,
    /// Not before then.
    At(Instant),
    /// When another one ends.
    Full,
}

impl Window {
    pub(crate) fn new(ceiling: usize) -> Self {
        let ceiling = f64::from(u32::try_from(ceiling.max(1)).unwrap_or(u32::MAX));
        Self {
            size: FIRST_WINDOW.min(ceiling),
            ceiling,
            under_way: 0,
            rate: None,
            grown: None,
            next: None,
            lowered: None,
            answered: VecDeque::new(),
        }
    }

    pub(crate) fn admit(&mut self, now: Instant) -> Admission {
        if self.under_way >= self.places() {
            return Admission::Full;
        }
        if let Some(next) = self.next.filter(|next| *next > now) {
            return Admission::At(next);
        }
        self.under_way += 1;
        self.next = self
            .rate
            .map(|rate| now + Duration::from_secs_f64(1.0 / rate));
        Admission::Now
    }

    /// A request was answered, and not refused for being too many.
    pub(crate) fn answered(&mut self, now: Instant) {
        self.ended();
        self.size = (self.size + 1.0 / self.size).min(self.ceiling);
        if self.answered.len() == REMEMBERED {
            self.answered.pop_front();
        }
        self.answered.push_back(now);
        if let (Some(rate), Some(grown), Some(lowered)) = (&mut self.rate, self.grown, self.lowered)
        {
            let (least, share) = RATE_GROWTH;
            let seconds = now.saturating_duration_since(grown).as_secs_f64();
            let calm = now.saturating_duration_since(lowered).as_secs_f64() / CALM.as_secs_f64();
            *rate += (*rate * share).max(least) * seconds * (1.0 + calm);
            self.grown = Some(now);
        }
    }

    /// A request that began at `began` was refused for being too many; `asked` is how long the
    /// registry wants everybody to wait.
    pub(crate) fn refused(&mut self, now: Instant, began: Instant, asked: Option<Duration>) {
        self.ended();
        // Those that were under way when the bound was lowered say nothing about the lower one.
        if self.lowered.is_none_or(|lowered| began >= lowered) {
            let before = self.lowered.replace(now);
            self.size = (self.size * WINDOW_LEFT).max(1.0);
            let is_again = |before| now.saturating_duration_since(before) < CALM;
            if self.rate.is_some() || before.is_some_and(is_again) {
                let rate = self.rate.unwrap_or(FIRST_RATE).max(self.served(now));
                self.rate = Some((rate * RATE_LEFT).max(SLOWEST));
                self.grown = Some(now);
            }
        }
        let until = now + asked.unwrap_or(PAUSE);
        self.next = Some(self.next.map_or(until, |next| next.max(until)));
    }

    /// A request ended in a way that says nothing about the bound.
    pub(crate) fn ended(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// Requests that may be under way.
    fn places(&self) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1 and the ceiling"
        )]
        let places = self.size as usize;
        places.max(1)
    }

    /// Answers in the last second.
    fn served(&mut self, now: Instant) -> f64 {
        let is_old = |at: &Instant| now.saturating_duration_since(*at) > SECOND;
        while self.answered.front().is_some_and(is_old) {
            self.answered.pop_front();
        }
        f64::from(u32::try_from(self.answered.len()).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn after(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    #[test]
    fn the_window_grows_by_one_for_each_window_answered_up_to_the_ceiling() {
        let (now, mut window) = (Instant::now(), Window::new(10));
        for _ in 0..8 {
            assert_eq!(window.admit(now), Admission::Now);
        }
        assert_eq!(window.admit(now), Admission::Full);
        for _ in 0..9 {
            window.answered(now);
        }
        assert_eq!(window.places(), 9);
        for _ in 0..1000 {
            window.answered(now);
        }
        assert_eq!(window.places(), 10);
    }

    #[test]
    fn a_burst_of_refusals_lowers_the_bound_once() {
        let (start, mut window) = (Instant::now(), Window::new(64));
        for _ in 0..8 {
            window.admit(start);
        }
        for _ in 0..8 {
            window.refused(after(start, 10), start, None);
        }
        assert_eq!(window.places(), 4);
        // One that began under the lower bound lowers it further.
        let began = after(start, 600);
        assert_eq!(window.admit(began), Admission::Now);
        window.refused(after(start, 610), began, None);
        assert_eq!(window.places(), 2);
    }

    #[test]
    fn everybody_waits_as_long_as_the_registry_asks() {
        let (start, mut window) = (Instant::now(), Window::new(64));
        window.admit(start);
        window.admit(start);
        window.refused(start, start, Some(Duration::from_secs(3)));
        assert_eq!(window.admit(start), Admission::At(after(start, 3000)));
        // A later refusal that asks for less does not shorten it.
        window.refused(after(start, 10), start, None);
        assert_eq!(
            window.admit(after(start, 2999)),
            Admission::At(after(start, 3000))
        );
        assert_eq!(window.admit(after(start, 3000)), Admission::Now);
    }

    #[test]
    fn a_hiccup_sets_no_rate() {
        let (start, mut window) = (Instant::now(), Window::new(64));
        window.admit(start);
        window.refused(start, start, None);
        let later = after(start, 500);
        for _ in 0..4 {
            assert_eq!(window.admit(later), Admission::Now);
        }
        assert_eq!(window.rate, None);
    }

    #[test]
    fn refusals_at_random_do_not_slow_down_a_client_that_asks_for_little() {
        let (start, mut window) = (Instant::now(), Window::new(64));
        // Four requests a second for two minutes; every thirtieth is refused, whatever the client does.
        let mut late = Duration::ZERO;
        for number in 0..480_u64 {
            let mut now = after(start, number * 250);
            let asked = now;
            loop {
                match window.admit(now) {
                    Admission::Now => break,
                    Admission::At(then) => now = then,
                    Admission::Full => panic!("nothing is under way"),
                }
            }
            late = late.max(now.saturating_duration_since(asked));
            if number % 30 == 29 {
                window.refused(now, now, None);
            } else {
                window.answered(now);
            }
        }
        assert!(late < Duration::from_secs(3), "{late:?}");
    }

    /// A registry that serves so many requests in any one second, and a client that always has one
    /// more to send. How many were refused, and how many served.
    fn against(per_second: usize, seconds: u64, answer_millis: u64) -> (usize, usize) {
        let (start, mut window) = (Instant::now(), Window::new(64));
        let mut served: VecDeque<Instant> = VecDeque::new();
        let mut under_way: VecDeque<(Instant, Instant, bool)> = VecDeque::new();
        let (mut refused, mut answered) = (0, 0);
        for millis in 0..seconds * 1000 {
            let now = after(start, millis);
            while let Some((began, _, is_served)) = under_way
                .front()
                .copied()
                .filter(|(_, ends, _)| *ends <= now)
            {
                under_way.pop_front();
                if is_served {
                    window.answered(now);
                    answered += 1;
                } else {
                    window.refused(now, began, None);
                    refused += 1;
                }
            }
            while window.admit(now) == Admission::Now {
                let is_old = |at: &Instant| now.duration_since(*at) >= SECOND;
                while served.front().is_some_and(is_old) {
                    served.pop_front();
                }
                let is_served = served.len() < per_second;
                if is_served {
                    served.push_back(now);
                }
                under_way.push_back((now, after(now, answer_millis), is_served));
            }
        }
        (refused, answered)
    }

    #[test]
    fn a_registry_that_throttles_refuses_little_and_serves_most_of_what_it_can() {
        for (per_second, answer_millis) in [(1, 5), (10, 5), (10, 200), (100, 20), (500, 1)] {
            let (refused, served) = against(per_second, 60, answer_millis);
            assert!(
                refused * 20 <= served.max(600),
                "{refused} refused, {served} served at {per_second}/s"
            );
            assert!(
                served * 10 >= per_second * 60 * 4,
                "{served} served of {per_second}/s"
            );
        }
    }

    #[test]
    fn a_registry_that_does_not_throttle_is_not_held_back() {
        let (refused, served) = against(usize::MAX, 10, 20);
        assert_eq!(refused, 0);
        // 64 under way, each for 20 ms: 3,200 a second, less the time the window took to grow.
        assert!(served > 25_000, "{served}");
    }

    proptest! {
        #[test]
        fn no_order_of_events_breaks_the_bound(events in prop::collection::vec((0u8..4, 0u64..2000), 0..300)) {
            let mut now = Instant::now();
            let mut window = Window::new(16);
            let mut began = VecDeque::new();
            for (event, millis) in events {
                now += Duration::from_millis(millis);
                match event {
                    0 => if window.admit(now) == Admission::Now { began.push_back(now) },
                    1 => if began.pop_front().is_some() { window.answered(now) },
                    2 => if let Some(began) = began.pop_front() {
                        window.refused(now, began, Some(Duration::from_millis(millis)));
                    },
                    _ => if began.pop_front().is_some() { window.ended() },
                }
                prop_assert_eq!(window.under_way, began.len());
                prop_assert!((1..=16).contains(&window.places()));
                prop_assert!(window.rate.is_none_or(|rate| rate >= SLOWEST));
                prop_assert!(window.answered.len() <= REMEMBERED);
            }
            // Whatever happened: with nothing under way, waiting helps.
            for _ in began { window.ended() }
            if let Admission::At(then) = window.admit(now) {
                prop_assert!(then <= now + Duration::from_secs(3));
                prop_assert_eq!(window.admit(then), Admission::Now);
            }
        }
    }
}
