//! The skeleton of a tree: which directory lies in which, and how many files each holds. Names are not known here.

use crate::args::Counts;
use crate::random::{Purpose, stream};

/// Directories by number; 0 is the root, and a parent always has a lower number than its children.
#[derive(Debug)]
pub(crate) struct Shape {
    /// The parent of each directory; the root's is the root.
    pub(crate) parents: Vec<usize>,
    /// The level of each directory; the root's is 0.
    pub(crate) depths: Vec<usize>,
    /// The directories in each directory.
    pub(crate) children: Vec<Vec<usize>>,
    /// The number of the first file of each directory, and at the end the number of all files.
    pub(crate) first_file: Vec<usize>,
}

impl Shape {
    /// Chooses the skeleton; the error says which numbers do not fit.
    pub(crate) fn new(counts: &Counts, seed: u64) -> Result<Self, String> {
        let mut rng = stream(seed, Purpose::Shape, 0);
        let (parents, depths) = place_directories(counts, &mut rng);
        let mut children = vec![Vec::new(); parents.len()];
        for (dir, &parent) in parents.iter().enumerate().skip(1) {
            children[parent].push(dir);
        }
        let first_file = distribute_files(counts, &mut rng)?;
        Ok(Self { parents, depths, children, first_file })
    }

    /// How many files a directory holds.
    pub(crate) fn files_of(&self, dir: usize) -> usize {
        self.first_file[dir + 1] - self.first_file[dir]
    }

    /// The directory that holds a file, and the file's place in it.
    pub(crate) fn locate(&self, file: usize) -> (usize, usize) {
        let dir = self.first_file.partition_point(|&first| first <= file) - 1;
        (dir, file - self.first_file[dir])
    }
}

/// One chain down to the full depth, then each directory below an earlier one. Of two candidates the shallower becomes
/// the parent: most directories of real trees lie in the middle of the depth, not at its end.
fn place_directories(counts: &Counts, rng: &mut fastrand::Rng) -> (Vec<usize>, Vec<usize>) {
    let mut parents = vec![0];
    let mut depths = vec![0];
    for dir in 1..=counts.dirs {
        let parent = if dir <= counts.depth {
            dir - 1
        } else {
            let (one, other) = (rng.usize(0..dir), rng.usize(0..dir));
            let shallower = if depths[one] <= depths[other] { one } else { other };
            if depths[shallower] < counts.depth { shallower } else { parents[shallower] }
        };
        parents.push(parent);
        depths.push(depths[parent] + 1);
    }
    (parents, depths)
}

/// One directory gets the largest number; the others share the rest by weights with a long tail: many directories with
/// a handful of files, a few with thousands. No directory gets more than the largest.
fn distribute_files(counts: &Counts, rng: &mut fastrand::Rng) -> Result<Vec<usize>, String> {
    let dirs = counts.dirs + 1;
    let largest = counts.largest.min(counts.files);
    if largest.saturating_mul(dirs) < counts.files {
        return Err(format!(
            "{} files do not fit into {dirs} directories of at most {} (--largest)",
            counts.files, counts.largest
        ));
    }
    let biggest = rng.usize(0..dirs);
    let weights: Vec<usize> =
        (0..dirs).map(|dir| if dir == biggest { 0 } else { 10_000 / (rng.usize(0..10_000) + 5) }).collect();
    let total = weights.iter().sum::<usize>().max(1);
    let rest = counts.files - largest;

    let mut sizes = vec![0; dirs];
    sizes[biggest] = largest;
    let mut weight_so_far = 0;
    let mut given = 0;
    for dir in 0..dirs {
        weight_so_far += weights[dir];
        let room = largest - sizes[dir];
        let share = (rest * weight_so_far / total - given).min(room);
        sizes[dir] += share;
        given += share;
    }
    // What did not fit goes wherever there is room.
    for size in &mut sizes {
        let share = (rest - given).min(largest - *size);
        *size += share;
        given += share;
    }

    let mut first_file = Vec::with_capacity(dirs + 1);
    let mut next = 0;
    first_file.push(0);
    for size in sizes {
        next += size;
        first_file.push(next);
    }
    Ok(first_file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(files: usize, dirs: usize, depth: usize, largest: usize) -> Counts {
        Counts { files, dirs, depth, largest, name_length: 20, symlinks: 0, hardlinks: 0, age: 1 }
    }

    #[test]
    fn the_skeleton_has_the_numbers_that_were_asked_for() {
        for (files, dirs, depth, largest) in [
            (0, 0, 0, 0),
            (1, 0, 0, 1),
            (10, 3, 2, 4),
            (1_000, 80, 5, 100),
            (1_000, 9, 9, 100),
            (20_000, 900, 12, 5_000),
        ] {
            let shape = Shape::new(&counts(files, dirs, depth, largest), 7).expect("fits");
            assert_eq!(shape.parents.len(), dirs + 1);
            assert_eq!(shape.first_file.last(), Some(&files));
            assert_eq!(shape.depths.iter().max(), Some(&depth.min(dirs)));
            assert_eq!((0..=dirs).map(|dir| shape.files_of(dir)).max(), Some(largest));
            for file in 0..files {
                let (dir, place) = shape.locate(file);
                assert!(place < shape.files_of(dir), "file {file} is in directory {dir}");
            }
        }
    }

    #[test]
    fn files_that_do_not_fit_are_refused() {
        assert!(Shape::new(&counts(100, 3, 3, 10), 1).is_err());
    }
}
