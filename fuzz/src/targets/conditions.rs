mod facts;

use std::time::{Duration, Instant};

use steward_core::policy::Condition;

use super::outline;

/// The longest that an evaluation may take. The limit on its steps stands for some milliseconds; the
/// rest is for a machine with other things to do.
const SOON: Duration = Duration::from_secs(2);

/// A condition. The facts follow from its bytes.
pub(super) fn feed(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(input);
    let condition = match Condition::new(&text) {
        Ok(condition) => condition,
        Err(error) => {
            let length = text.chars().count();
            assert!(
                error.offset.unwrap_or(0) <= length,
                "{error} is behind the end"
            );
            return outline(&error.message);
        }
    };
    let mut answers = String::new();
    let seed = input.iter().fold(0_u64, |seed, byte| {
        seed.wrapping_mul(0x100_0000_01b3) ^ u64::from(*byte)
    });
    for round in 0..4 {
        let mut facts = facts::any(&mut fastrand::Rng::with_seed(seed ^ round));
        let begin = Instant::now();
        let answer = condition.holds(&facts);
        let took = begin.elapsed();
        assert!(took < SOON, "it takes {took:?}");
        facts::forget_all_but(condition.variables(), &mut facts);
        assert_eq!(
            condition.holds(&facts),
            answer,
            "it reads what it does not name"
        );
        answers.push_str(&match answer {
            Ok(truth) => format!("{truth} "),
            Err(undecided) => outline(&undecided.0),
        });
    }
    format!("{:?} {answers}", condition.variables())
}
