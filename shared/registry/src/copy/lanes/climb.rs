/// How many streams a copy begins with: a second one hides the pauses of the first.
const FIRST: usize = 2;
/// One stream more has to bring this share of what it would bring on an endless link.
const WORTH: f64 = 0.4;
/// So many measurements the number stays as it is, before something else is tried.
const REST: u32 = 12;

/// Looks for the number of streams that is worth its cost.
pub(super) struct Climb {
    lanes: usize,
    most: usize,
    step: Step,
}

enum Step {
    /// The next measurement is what others are compared with; then it goes up or down.
    Look { up: bool },
    /// One stream more is being tried; without it there were so many bytes a second.
    Up { before: f64 },
    /// One stream fewer is being tried.
    Down { before: f64 },
    /// Nothing is tried for a while; `up` afterwards.
    Rest { left: u32, up: bool },
}

impl Climb {
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1);
        Self {
            lanes: FIRST.min(most),
            most,
            step: Step::Look { up: true },
        }
    }

    /// Streams that may run at the same time.
    pub(super) fn lanes(&self) -> usize {
        self.lanes
    }

    /// With the streams of now, so many bytes a second came through.
    pub(super) fn measured(&mut self, rate: f64) {
        self.step = match self.step {
            Step::Look { up } => self.try_one(up, rate),
            Step::Up { before } if self.pays(rate, before, self.lanes) => self.try_one(true, rate),
            Step::Up { before } => {
                self.lanes -= 1;
                // What did not become faster with one more may be as fast with one fewer.
                match self.lanes {
                    FIRST => self.try_one(false, before),
                    _ => Step::Rest {
                        left: REST,
                        up: true,
                    },
                }
            }
            Step::Down { before } if self.pays(before, rate, self.lanes + 1) => {
                self.lanes += 1;
                Step::Rest {
                    left: REST,
                    up: true,
                }
            }
            Step::Down { .. } => self.try_one(false, rate),
            Step::Rest { left: 0, up } => self.try_one(up, rate),
            Step::Rest { left, up } => Step::Rest { left: left - 1, up },
        };
    }

    /// Whether `more` streams gave enough more than one fewer did.
    fn pays(&self, with: f64, without: f64, more: usize) -> bool {
        let ideal = 1.0 / f64::from(u32::try_from(more - 1).unwrap_or(u32::MAX).max(1));
        with >= without * ideal.mul_add(WORTH, 1.0)
    }

    fn try_one(&mut self, up: bool, rate: f64) -> Step {
        if up && self.lanes < self.most {
            self.lanes += 1;
            Step::Up { before: rate }
        } else if !up && self.lanes > 1 {
            self.lanes -= 1;
            Step::Down { before: rate }
        } else {
            Step::Rest {
                left: REST,
                up: true,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of streams over some measurements of a link.
    fn course(link: impl Fn(usize) -> f64, most: usize, measurements: usize) -> Vec<usize> {
        let mut climb = Climb::new(most);
        (0..measurements)
            .map(|_| {
                let rate = link(climb.lanes());
                climb.measured(rate);
                climb.lanes()
            })
            .collect()
    }

    #[test]
    fn it_goes_up_as_long_as_that_pays_and_tries_again_later() {
        let link = |streams: usize| (streams as f64).min(4.0);
        assert_eq!(course(link, 8, 5), [3, 4, 5, 4, 4]);
        let course = course(link, 8, 60);
        assert!(
            course.iter().filter(|lanes| **lanes == 5).count() > 2,
            "{course:?}"
        );
        assert!(
            course.iter().skip(3).all(|lanes| (4..=5).contains(lanes)),
            "{course:?}"
        );
    }

    #[test]
    fn one_stream_is_left_where_one_is_enough() {
        let course = course(|_| 1.0, 8, 8);
        assert_eq!(course[..4], [3, 1, 1, 1]);
    }

    #[test]
    fn a_link_that_grows_is_noticed() {
        let mut climb = Climb::new(6);
        for _ in 0..20 {
            climb.measured(1.0);
        }
        for _ in 0..40 {
            let rate = climb.lanes() as f64;
            climb.measured(rate);
        }
        assert_eq!(climb.lanes(), 6);
    }

    #[test]
    fn noise_does_not_count_as_gain() {
        // A link that two streams fill, measured with a tenth of error either way.
        let noise = [1.0, 1.08, 0.95, 1.04, 0.93, 1.07, 0.98, 1.02];
        let mut climb = Climb::new(8);
        for turn in 0..200 {
            let rate = (climb.lanes() as f64).min(2.0) * noise[turn % noise.len()];
            climb.measured(rate);
            assert!(climb.lanes() <= 4, "{turn}: {}", climb.lanes());
        }
    }
}
