package record

// A shape is what validation wants to know of a record.
type shape struct {
	timestampDelta, offsetDelta int64
	keyless                     bool
}

// read takes one record without looking at what its fields hold.
func (r *shape) read(f *fieldReader) error {
	size := f.varint32()
	if f.failed() || size < 0 {
		return f.failure()
	}
	end := f.pos() + size
	f.skip(1) // attributes, unused
	r.timestampDelta = f.varint()
	r.offsetDelta = f.varint32()
	key := f.varint32()
	r.keyless = key < 0
	f.skip(max(key, 0))
	f.skip(max(f.varint32(), 0))
	headers := f.varint32()
	if headers < 0 || !f.failed() && headers > end-f.pos() {
		return errHeaders
	}
	for ; headers > 0 && !f.failed(); headers-- {
		name := f.varint32()
		if name < 0 {
			return errHeaders
		}
		f.skip(name)
		f.skip(max(f.varint32(), 0))
	}
	switch {
	case f.failed() || f.pos() > end:
		return f.failure()
	case f.pos() < end:
		return errTrailing
	}
	return nil
}
