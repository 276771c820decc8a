//! Quantiles of the beta distribution.

/// Halvings of [0, 1]: more than the digits of the result.
const HALVINGS: usize = 60;

/// The value below which a beta distribution has this share of its mass. `a` and `b` are above 0.
pub fn beta_quantile(share: f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if incomplete(middle, a, b) < share {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// The regularised incomplete beta function, by Lentz's continued fraction (Press et al., Numerical Recipes, 6.4).
fn incomplete(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    let front = a * x.ln() + b * (1.0 - x).ln() + ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b);
    if x < (a + 1.0) / (a + b + 2.0) {
        front.exp() * fraction(x, a, b) / a
    } else {
        1.0 - front.exp() * fraction(1.0 - x, b, a) / b
    }
}

fn fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let kept = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / kept(1.0 - (a + b) * x / (a + 1.0));
    let mut result = d;
    for m in 1..1000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut step = 1.0;
        for term in [even, odd] {
            d = 1.0 / kept(1.0 + term * d);
            c = kept(1.0 + term / c);
            step = d * c;
            result *= step;
        }
        if (step - 1.0).abs() < 1e-13 {
            break;
        }
    }
    result
}

/// Stirling's series, after the argument was raised to where it holds.
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut raised) = (x, 0.0);
    while x < 12.0 {
        raised += x.ln();
        x += 1.0;
    }
    let inverse = 1.0 / (x * x);
    let series = (1.0 / 12.0 - inverse * (1.0 / 360.0 - inverse / 1260.0)) / x;
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series - raised
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_closed_forms() {
        for share in [0.025_f64, 0.3, 0.5, 0.975] {
            let near = |found: f64, expected: f64| {
                assert!((found - expected).abs() < 1e-9, "{found} {expected}")
            };
            near(beta_quantile(share, 1.0, 1.0), share);
            near(beta_quantile(share, 5.0, 1.0), share.powf(0.2));
            near(
                beta_quantile(share, 1.0, 40.0),
                1.0 - (1.0 - share).powf(1.0 / 40.0),
            );
            let arcsine = (share * std::f64::consts::FRAC_PI_2).sin().powi(2);
            near(beta_quantile(share, 0.5, 0.5), arcsine);
        }
    }
}
