// Package javaser reads objects in Java's serialisation format (Java Object Serialization Specification, section 6) without
// making anything of them: their classes, and those of their fields that are strings, byte arrays or objects. It also reads
// the numbers and strings of java.io.DataInput. What a stream may ask for is bounded.
//
//	o, err := javaser.Parse(stream)
//	if o.Is("javax.crypto.SealedObject") { content := o.Bytes("encryptedContent") … }
package javaser

// The markers of a Java serialisation stream (Java Object Serialization Specification, section 6.4).
const (
	streamMagic   = 0xACED
	streamVersion = 5

	tcNull         = 0x70
	tcReference    = 0x71
	tcClassDesc    = 0x72
	tcObject       = 0x73
	tcString       = 0x74
	tcArray        = 0x75
	tcClass        = 0x76
	tcBlockData    = 0x77
	tcEndBlockData = 0x78
	tcBlockLong    = 0x7A
	tcLongString   = 0x7C
	tcEnum         = 0x7E

	baseHandle = 0x7E0000

	flagWriteMethod    = 0x01
	flagSerializable   = 0x02
	flagExternalizable = 0x04
	flagBlockData      = 0x08
)

// What a stream may ask for: the ones in key stores nest 4 deep and have about 10 handles.
const (
	maxDepth   = 24
	maxHandles = 512
	maxFields  = 64
)

// classDesc is a class descriptor: a name and the fields that an object of it has in the stream.
type classDesc struct {
	name   string
	flags  byte
	fields []field
	super  *classDesc
}

type field struct {
	code byte // of its type: B C D F I J S Z [ L
	name string
}

// Object is an object as the stream has it: the names of its classes, itself first, and the fields that are
// strings, byte arrays or objects. Nothing is made out of it.
type Object struct {
	Classes []string
	Fields  map[string]any // string, []byte, *Object or nil
}

// Is says that the object is of a class, or of one below it.
func (o *Object) Is(class string) bool {
	for _, c := range o.Classes {
		if c == class {
			return true
		}
	}
	return false
}

// Text is a field that is a string; "" if there is none.
func (o *Object) Text(field string) string {
	s, _ := o.Fields[field].(string)
	return s
}

// Bytes is a field that is a byte array; nil if there is none.
func (o *Object) Bytes(field string) []byte {
	b, _ := o.Fields[field].([]byte)
	return b
}

// reader reads one stream with its cursor.
type reader struct {
	*Cursor
	handles []any // *classDesc, *Object, string, []byte or nil
	depth   int
}

// read reads a stream that holds one object.
func read(c *Cursor) *Object {
	if c.U16("the serialised object") != streamMagic || c.U16("the serialised object") != streamVersion {
		c.Fail("no serialised Java object of version %d", streamVersion)
		return nil
	}
	r := &reader{Cursor: c}
	o, ok := r.content().(*Object)
	if !ok {
		c.Fail("the serialised Java content is not an object")
		return nil
	}
	return o
}

// Skip returns the bytes of the stream that begins here. Only its structure is looked at.
func Skip(c *Cursor) []byte {
	start := c.Pos
	read(c)
	return c.Data[start:c.Pos:c.Pos]
}

// Parse reads a stream that is all of data.
func Parse(data []byte) (*Object, error) {
	c := &Cursor{Data: data}
	if o := read(c); c.Err == nil {
		return o, nil
	}
	return nil, c.Err
}

func (r *reader) u8(what string) byte {
	if b := r.Bytes(1, what); b != nil {
		return b[0]
	}
	return 0
}

// handle reserves the next number for later references; the value may be set when it is complete.
func (r *reader) handle(v any) int {
	if len(r.handles) == maxHandles {
		r.Fail("the serialised Java object has over %d parts", maxHandles)
	}
	r.handles = append(r.handles, v)
	return len(r.handles) - 1
}

// content reads one value: nil, string, []byte, *Object or *classDesc.
func (r *reader) content() any {
	r.depth++
	defer func() { r.depth-- }()
	if r.depth > maxDepth {
		r.Fail("the serialised Java object nests deeper than %d", maxDepth)
	}
	marker := r.u8("a serialised Java value")
	if r.Err != nil {
		return nil
	}
	switch marker {
	case tcNull:
		return nil
	case tcReference:
		return r.reference()
	case tcClassDesc:
		return r.newClass()
	case tcClass:
		class := r.class()
		r.handle(class)
		return class
	case tcObject:
		return r.object()
	case tcString, tcLongString:
		return r.str(marker)
	case tcArray:
		return r.array()
	case tcEnum:
		return r.enum()
	}
	r.Fail("marker %#02x in a serialised Java object is not known", marker)
	return nil
}

func (r *reader) reference() any {
	n := r.U32("a reference")
	if n < baseHandle || n-baseHandle >= uint32(len(r.handles)) {
		r.Fail("a reference in the serialised Java object points nowhere")
		return nil
	}
	return r.handles[n-baseHandle]
}

func (r *reader) str(marker byte) string {
	var s string
	if marker == tcString {
		s = r.Text("a string")
	} else {
		if r.U32("a long string") != 0 {
			r.Fail("a string of over 4 GiB")
		}
		s = DecodeText(r.Bytes(r.U32("a long string"), "a long string"))
	}
	r.handle(s)
	return s
}

// class reads a class descriptor where one must be; nil is the end of the line, above java.lang.Object.
func (r *reader) class() *classDesc {
	v := r.content()
	class, ok := v.(*classDesc)
	if v != nil && !ok {
		r.Fail("there is no Java class where one must be")
	}
	return class
}

func (r *reader) newClass() *classDesc {
	class := &classDesc{name: r.Text("a class name")}
	r.U64("a class's serial version")
	r.handle(class)
	class.flags = r.u8("a class's flags")
	count := r.U16("the number of a class's fields")
	if count > maxFields {
		r.Fail("class %q has %d fields, at most %d are read", class.name, count, maxFields)
	}
	for i := uint32(0); i < count && r.Err == nil; i++ {
		f := field{r.u8("a field's type"), r.Text("a field's name")}
		if f.code == '[' || f.code == 'L' {
			r.content() // the type's name: it is the value that counts
		}
		class.fields = append(class.fields, f)
	}
	r.annotation()
	class.super = r.class()
	return class
}

// annotation skips what a class or object wrote beyond its fields.
func (r *reader) annotation() {
	for r.Err == nil {
		if r.Pos >= len(r.Data) {
			r.Fail("the serialised Java object ends too early")
			return
		}
		switch r.Data[r.Pos] {
		case tcEndBlockData:
			r.Pos++
			return
		case tcBlockData:
			r.Pos++
			r.Bytes(uint32(r.u8("block data")), "block data")
		case tcBlockLong:
			r.Pos++
			r.Bytes(r.U32("block data"), "block data")
		default:
			r.content()
		}
	}
}

func (r *reader) object() *Object {
	class := r.class()
	o := &Object{Fields: map[string]any{}}
	r.handle(o)
	var line []*classDesc
	for ; class != nil; class = class.super {
		if len(line) == maxDepth {
			r.Fail("a Java class has over %d ancestors", maxDepth)
			return nil
		}
		line = append(line, class)
		o.Classes = append(o.Classes, class.name)
	}
	for i := len(line) - 1; i >= 0 && r.Err == nil; i-- { // the oldest ancestor comes first (section 6.4.1, classdata)
		r.classData(line[i], o)
	}
	return o
}

func (r *reader) classData(class *classDesc, o *Object) {
	switch {
	case class.flags&flagSerializable != 0:
		for _, f := range class.fields {
			o.set(f, r.value(f.code))
		}
		if class.flags&flagWriteMethod != 0 {
			r.annotation()
		}
	case class.flags&flagExternalizable != 0 && class.flags&flagBlockData != 0:
		r.annotation()
	case class.flags&flagExternalizable != 0:
		r.Fail("class %q wrote itself in a form of its own", class.name)
	}
}

func (o *Object) set(f field, value any) {
	if f.code == '[' || f.code == 'L' {
		o.Fields[f.name] = value
	}
}

// value reads a field or array element by its type code.
func (r *reader) value(code byte) any {
	switch code {
	case '[', 'L':
		return r.content()
	}
	if size := primitiveSize(code); size > 0 {
		r.Bytes(size, "a field")
		return nil
	}
	r.Fail("type %q of a Java field is not known", code)
	return nil
}

// primitiveSize is the size of a value of a primitive type, 0 if the code is unknown.
func primitiveSize(code byte) uint32 {
	switch code {
	case 'B', 'Z':
		return 1
	case 'C', 'S':
		return 2
	case 'F', 'I':
		return 4
	case 'D', 'J':
		return 8
	}
	return 0
}

// array returns the bytes of a byte array and nil for any other.
func (r *reader) array() any {
	class := r.class()
	if class == nil || len(class.name) < 2 || class.name[0] != '[' {
		r.Fail("an array in the serialised Java object has no array class")
		return nil
	}
	at := r.handle(nil)
	count := r.U32("the length of an array")
	code := class.name[1]
	if size := primitiveSize(code); size > 0 {
		b := r.elements(count, size)
		if code != 'B' {
			return nil
		}
		r.handles[at] = b
		return b
	}
	for i := uint32(0); i < count && r.Err == nil; i++ {
		r.value(code) // each takes a byte at least, so a count that is too large ends where the data does
	}
	return nil
}

func (r *reader) elements(count, size uint32) []byte {
	if uint64(count)*uint64(size) > uint64(len(r.Data)) {
		r.Fail("an array of %d elements is larger than the file", count)
		return nil
	}
	return r.Bytes(count*size, "an array")
}

// enum returns the constant's name.
func (r *reader) enum() any {
	r.class()
	at := r.handle(nil)
	name, ok := r.content().(string)
	if !ok {
		r.Fail("an enumeration constant in the serialised Java object has no name")
	}
	if r.Err == nil {
		r.handles[at] = name
	}
	return name
}
