//! Rows by id. Ids are handed out in order, so a vector with holes is the fastest map there is.

/// Rows whose ids ascend from `first`.
#[derive(Clone, Debug)]
pub struct Table<T> {
    first: u64,
    rows: Vec<Option<T>>,
}

impl<T> Table<T> {
    /// An empty table whose first row will get the id `first`.
    pub fn starting_at(first: u64) -> Self {
        Self {
            first,
            rows: Vec::new(),
        }
    }

    /// The id that the next row will get.
    pub fn next_id(&self) -> u64 {
        self.first + self.rows.len() as u64
    }

    /// Adds the row that `make` builds from its own id.
    pub fn add(&mut self, make: impl FnOnce(u64) -> T) -> u64 {
        let id = self.next_id();
        self.rows.push(Some(make(id)));
        id
    }

    pub fn get(&self, id: u64) -> Option<&T> {
        self.rows.get(self.position(id)?)?.as_ref()
    }

    pub fn get_mut(&mut self, id: u64) -> Option<&mut T> {
        let position = self.position(id)?;
        self.rows.get_mut(position)?.as_mut()
    }

    /// Takes the row out for good: its id is never used again.
    pub fn remove(&mut self, id: u64) -> Option<T> {
        let position = self.position(id)?;
        self.rows.get_mut(position)?.take()
    }

    /// Rows by ascending id.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.rows.iter().flatten()
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.rows.iter_mut().flatten()
    }

    /// Takes out for good what `keep` refuses.
    pub fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        for row in &mut self.rows {
            if row.as_ref().is_some_and(|row| !keep(row)) {
                *row = None;
            }
        }
    }

    fn position(&self, id: u64) -> Option<usize> {
        usize::try_from(id.checked_sub(self.first)?).ok()
    }
}
