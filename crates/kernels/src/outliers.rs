//! Values of a row that stay in single precision beside 8-bit ones.
//!
//! Trained models have channels that are tens of times larger than the rest. A scale that reached them would leave few
//! of the 256 steps for all other values. The method is that of Dettmers et al. 2022, "LLM.int8()", by row instead of
//! by column.

/// The outliers of one row.
#[derive(Clone, Copy, Default)]
pub(crate) struct Outliers {
    count: usize,
    columns: [u16; MAX_OUTLIERS],
    values: [f32; MAX_OUTLIERS],
}

/// If a row has more, the largest are taken.
const MAX_OUTLIERS: usize = 16;

/// A value is an outlier if it exceeds the root mean square of the others by this factor, which noise never reaches.
pub(crate) const OUTLIER_RATIO: f32 = 6.5;

impl Outliers {
    /// Moves the outliers out of `row` and leaves zeros: the largest first, as long as it is an outlier among the
    /// values that are left.
    pub(crate) fn take_from(row: &mut [f32]) -> Self {
        let mut taken = Self::default();
        let mut squares: f64 = row.iter().map(|x| f64::from(x * x)).sum();
        while taken.count < MAX_OUTLIERS {
            let largest = (0..row.len()).max_by(|&a, &b| row[a].abs().total_cmp(&row[b].abs()));
            let Some((column, at)) = largest.and_then(|at| Some((u16::try_from(at).ok()?, at)))
            else {
                break;
            };
            let value = row[at];
            squares -= f64::from(value * value);
            let usual = (squares.max(0.0) / row.len() as f64).sqrt() as f32;
            if value.abs() <= OUTLIER_RATIO * usual {
                break;
            }
            row[at] = 0.0;
            taken.columns[taken.count] = column;
            taken.values[taken.count] = value;
            taken.count += 1;
        }
        taken
    }

    /// Columns and values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, f32)> {
        let columns = self.columns.iter().map(|&column| usize::from(column));
        columns.zip(self.values.iter().copied()).take(self.count)
    }
}
