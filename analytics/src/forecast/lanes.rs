//! Loops over grids, worked on with as many lanes as the processor at hand has.
//! Promise: the same bits with any number of lanes, because floating-point operations are neither fused nor reordered.

/// A loop that takes much of the time. Only what is compiled into `run` gains: mark it, and what it calls, `inline(always)`.
pub trait Loop {
    type Answer;

    fn run(self) -> Self::Answer;
}

/// Runs it with AVX2 where the processor has that.
#[inline(always)]
pub fn wide<L: Loop>(one: L) -> L::Answer {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[expect(unsafe_code, reason = "a function for one kind of processor can be called in no other way")]
        // SAFETY: the processor has just said that it has AVX2.
        return unsafe { with_avx2(one) };
    }
    one.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2<L: Loop>(one: L) -> L::Answer {
    one.run()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::normal::{Bell, below};

    struct Bells<'a>(&'a [f64]);

    impl Loop for Bells<'_> {
        type Answer = Vec<u64>;

        #[inline(always)]
        fn run(self) -> Vec<u64> {
            let bells = self.0.iter().map(|x| Bell { mean: *x, sd: x.abs() + 0.1 }.within(*x - 0.7, 1.3 * x + 2.0));
            let bells = bells.map(|(bell, log)| (bell.mean * below(log) + bell.sd).to_bits());
            bells.collect()
        }
    }

    #[test]
    fn more_lanes_give_the_same_bits() {
        let all: Vec<f64> = (0..997).map(|i| f64::from(i - 500) * 0.0371).collect();
        assert_eq!(wide(Bells(&all)), Bells(&all).run());
    }
}
