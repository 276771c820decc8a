//! Values of a row that are kept as they are beside 8-bit ones, since a scale that reached them would leave
//! few bytes for the others: trained models have channels that are tens of times larger than the rest
//! (Dettmers et al. 2022, "LLM.int8()", whose way this is, by row instead of by column).

/// The outliers of one row.
#[derive(Clone, Copy, Default)]
pub(super) struct Outliers {
    count: usize,
    columns: [u16; MOST_OUTLIERS],
    values: [f32; MOST_OUTLIERS],
}

/// Of more, the largest are taken.
const MOST_OUTLIERS: usize = 16;

/// Beyond so many times the root mean square of the others, which no noise reaches, a value is one.
pub(super) const OUTLYING: f32 = 6.5;

impl Outliers {
    /// Takes the outliers out of `row`, leaving zeros: the largest first, while they outlie what is left.
    pub(super) fn taken_from(row: &mut [f32]) -> Self {
        let mut taken = Self::default();
        let mut squares: f64 = row.iter().map(|x| f64::from(x * x)).sum();
        while taken.count < MOST_OUTLIERS {
            let largest = (0..row.len()).max_by(|&a, &b| row[a].abs().total_cmp(&row[b].abs()));
            let Some((column, at)) = largest.and_then(|at| Some((u16::try_from(at).ok()?, at)))
            else {
                break;
            };
            let value = row[at];
            squares -= f64::from(value * value);
            let usual = (squares.max(0.0) / row.len() as f64).sqrt() as f32;
            if value.abs() <= OUTLYING * usual {
                break;
            }
            row[at] = 0.0;
            taken.columns[taken.count] = column;
            taken.values[taken.count] = value;
            taken.count += 1;
        }
        taken
    }

    /// Columns with their values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, f32)> {
        let columns = self.columns.iter().map(|&column| usize::from(column));
        columns.zip(self.values.iter().copied()).take(self.count)
    }
}
