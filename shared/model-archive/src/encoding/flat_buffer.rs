//! The encoding of `FlatBuffers` ("`FlatBuffer` Internals"): tables that are found by offsets, each
//! relative to its own position.

use crate::encoding::head_and_tail::{HeadAndTail, OutOfRange};

/// The offsets of a table and its vtable, the list of its fields.
#[derive(Clone, Copy)]
pub(crate) struct FlatTable {
    pub start: u64,
    fields: u64,
}

#[derive(Clone, Copy)]
pub(crate) struct FlatVector {
    pub start: u64,
    pub length: u64,
}

/// A field of a table that refers to something outside of the table.
pub(crate) struct ObjectField {
    pub number: u64,
    pub refers_to: RefersTo,
}

#[derive(Clone, Copy)]
pub(crate) enum RefersTo {
    /// A table.
    Object(&'static [ObjectField]),
    /// A vector of tables.
    Objects(&'static [ObjectField]),
    /// A text, or a vector of numbers of this size in bytes.
    Values { size: u64 },
}

pub(crate) struct FlatBuffer<'e>(pub &'e HeadAndTail);

impl FlatBuffer<'_> {
    pub fn read_u32(&self, at: u64) -> Result<u32, OutOfRange> {
        Ok(u32::from_le_bytes(self.0.array_at(at)?))
    }

    fn read_u16(&self, at: u64) -> Result<u64, OutOfRange> {
        Ok(u64::from(u16::from_le_bytes(self.0.array_at(at)?)))
    }

    pub fn follow_offset(&self, at: u64) -> Result<u64, OutOfRange> {
        Ok(at + u64::from(self.read_u32(at)?))
    }

    pub fn read_table(&self, start: u64) -> Result<FlatTable, OutOfRange> {
        let back = i64::from(i32::from_le_bytes(self.0.array_at(start)?));
        let fields = start.checked_add_signed(-back).ok_or(OutOfRange::Outside(start))?;
        Ok(FlatTable { start, fields })
    }

    /// The offset of a field's value; `None` if the field has its default.
    pub fn find_field(&self, table: FlatTable, number: u64) -> Result<Option<u64>, OutOfRange> {
        let slot = 4 + 2 * number;
        if slot + 2 > self.read_u16(table.fields)? {
            return Ok(None);
        }
        let offset = self.read_u16(table.fields + slot)?;
        Ok((offset != 0).then(|| table.start + offset))
    }

    /// The vector of a field; empty if the field has none.
    pub fn read_vector(&self, table: FlatTable, number: u64) -> Result<FlatVector, OutOfRange> {
        let at = self.find_field(table, number)?;
        at.map_or(Ok(FlatVector { start: 0, length: 0 }), |at| self.read_vector_at(at))
    }

    /// The vector or text that the offset at `at` points to.
    pub fn read_vector_at(&self, at: u64) -> Result<FlatVector, OutOfRange> {
        let start = self.follow_offset(at)?;
        Ok(FlatVector { start: start + 4, length: u64::from(self.read_u32(start)?) })
    }

    /// Checks that a table, and everything that these fields refer to, ends within the file. What
    /// is in the skipped middle of the file is not checked, nor more than `budget` tables.
    pub fn check_object(&self, start: u64, fields: &[ObjectField], budget: &mut u32) -> Result<(), OutOfRange> {
        let Some(left) = budget.checked_sub(1) else { return Ok(()) };
        *budget = left;
        let Some(table) = unless_skipped(self.check_table(start))? else { return Ok(()) };
        for field in fields {
            unless_skipped(self.check_field(table, field, budget))?;
        }
        Ok(())
    }

    fn check_table(&self, start: u64) -> Result<FlatTable, OutOfRange> {
        let table = self.read_table(start)?;
        self.0.slice_at(table.fields, self.read_u16(table.fields)?)?;
        self.0.slice_at(start, self.read_u16(table.fields + 2)?)?;
        Ok(table)
    }

    fn check_field(&self, table: FlatTable, field: &ObjectField, budget: &mut u32) -> Result<(), OutOfRange> {
        let Some(at) = self.find_field(table, field.number)? else { return Ok(()) };
        match field.refers_to {
            RefersTo::Object(fields) => self.check_object(self.follow_offset(at)?, fields, budget)?,
            RefersTo::Values { size } => {
                let values = self.read_vector_at(at)?;
                self.0.slice_at(values.start, size * values.length)?;
            }
            RefersTo::Objects(fields) => {
                let objects = self.read_vector_at(at)?;
                for position in (0..objects.length).map(|number| objects.start + 4 * number) {
                    if *budget == 0 {
                        break;
                    }
                    let Some(start) = unless_skipped(self.follow_offset(position))? else { continue };
                    self.check_object(start, fields, budget)?;
                }
            }
        }
        Ok(())
    }
}

/// `None` for what is in the skipped middle of the file.
fn unless_skipped<T>(result: Result<T, OutOfRange>) -> Result<Option<T>, OutOfRange> {
    match result {
        Err(OutOfRange::Skipped(_)) => Ok(None),
        result => result.map(Some),
    }
}
