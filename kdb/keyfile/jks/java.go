package jks

import (
	"fmt"

	"certkdb/kdb"
)

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
	maxJavaDepth   = 24
	maxJavaHandles = 512
	maxJavaFields  = 64
)

// javaClass is a class descriptor: a name and the fields that an object of it has in the stream.
type javaClass struct {
	name   string
	flags  byte
	fields []javaField
	super  *javaClass
}

type javaField struct {
	code byte // of its type: B C D F I J S Z [ L
	name string
}

// javaObject is an object as the stream has it: the names of its classes, itself first, and the fields that are
// strings, byte arrays or objects. Nothing is made out of it.
type javaObject struct {
	classes []string
	fields  map[string]any // string, []byte, *javaObject or nil
}

func (o *javaObject) is(class string) bool {
	for _, c := range o.classes {
		if c == class {
			return true
		}
	}
	return false
}

func (o *javaObject) text(field string) string {
	s, _ := o.fields[field].(string)
	return s
}

func (o *javaObject) bytes(field string) []byte {
	b, _ := o.fields[field].([]byte)
	return b
}

// javaReader reads one stream with the cursor that it stands in.
type javaReader struct {
	*cursor
	handles []any // *javaClass, *javaObject, string, []byte or nil
	depth   int
}

// readJava reads a stream that holds one object.
func readJava(c *cursor) *javaObject {
	if c.u16("the serialised object") != streamMagic || c.u16("the serialised object") != streamVersion {
		c.fail("no serialised Java object of version %d", streamVersion)
		return nil
	}
	r := &javaReader{cursor: c}
	o, ok := r.content().(*javaObject)
	if !ok {
		c.fail("the serialised Java content is no object")
		return nil
	}
	return o
}

// skipObject returns the bytes of the stream that begins here. Only its structure is looked at.
func skipObject(c *cursor) []byte {
	start := c.pos
	readJava(c)
	return c.data[start:c.pos:c.pos]
}

// parseJava reads a stream that is all of data.
func parseJava(data []byte) (*javaObject, error) {
	c := &cursor{data: data}
	o := readJava(c)
	return o, c.err
}

func (r *javaReader) u8(what string) byte {
	if b := r.cursor.bytes(1, what); b != nil {
		return b[0]
	}
	return 0
}

// handle reserves the next number for later references; the value may be set when it is complete.
func (r *javaReader) handle(v any) int {
	if len(r.handles) == maxJavaHandles {
		r.fail("the serialised Java object has over %d parts", maxJavaHandles)
	}
	r.handles = append(r.handles, v)
	return len(r.handles) - 1
}

// content reads one value: nil, string, []byte, *javaObject or *javaClass.
func (r *javaReader) content() any {
	r.depth++
	defer func() { r.depth-- }()
	if r.depth > maxJavaDepth {
		r.fail("the serialised Java object nests deeper than %d", maxJavaDepth)
	}
	marker := r.u8("a serialised Java value")
	if r.err != nil {
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
	r.fail("marker %#02x in a serialised Java object is not known", marker)
	return nil
}

func (r *javaReader) reference() any {
	n := r.u32("a reference")
	if n < baseHandle || n-baseHandle >= uint32(len(r.handles)) {
		r.fail("a reference in the serialised Java object points nowhere")
		return nil
	}
	return r.handles[n-baseHandle]
}

func (r *javaReader) str(marker byte) string {
	var s string
	if marker == tcString {
		s = r.text("a string")
	} else {
		if r.u32("a long string") != 0 {
			r.fail("a string of over 4 GiB")
		}
		s = decodeModified(r.cursor.bytes(r.u32("a long string"), "a long string"))
	}
	r.handle(s)
	return s
}

// class reads a class descriptor where one has to stand; nil is java.lang.Object's end of the line.
func (r *javaReader) class() *javaClass {
	v := r.content()
	class, ok := v.(*javaClass)
	if v != nil && !ok {
		r.fail("something else stands in the place of a Java class")
	}
	return class
}

func (r *javaReader) newClass() *javaClass {
	class := &javaClass{name: r.text("a class name")}
	r.u64("a class's serial version")
	r.handle(class)
	class.flags = r.u8("a class's flags")
	count := r.u16("the number of a class's fields")
	if count > maxJavaFields {
		r.fail("class %q has %d fields, at most %d are read", class.name, count, maxJavaFields)
	}
	for i := uint32(0); i < count && r.err == nil; i++ {
		f := javaField{r.u8("a field's type"), r.text("a field's name")}
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
func (r *javaReader) annotation() {
	for r.err == nil {
		if r.pos >= len(r.data) {
			r.fail("the serialised Java object ends too early")
			return
		}
		switch r.data[r.pos] {
		case tcEndBlockData:
			r.pos++
			return
		case tcBlockData:
			r.pos++
			r.cursor.bytes(uint32(r.u8("block data")), "block data")
		case tcBlockLong:
			r.pos++
			r.cursor.bytes(r.u32("block data"), "block data")
		default:
			r.content()
		}
	}
}

func (r *javaReader) object() *javaObject {
	class := r.class()
	o := &javaObject{fields: map[string]any{}}
	r.handle(o)
	var line []*javaClass
	for ; class != nil; class = class.super {
		if len(line) == maxJavaDepth {
			r.fail("a Java class has over %d ancestors", maxJavaDepth)
			return nil
		}
		line = append(line, class)
		o.classes = append(o.classes, class.name)
	}
	for i := len(line) - 1; i >= 0 && r.err == nil; i-- { // the oldest ancestor comes first (section 6.4.1, classdata)
		r.classData(line[i], o)
	}
	return o
}

func (r *javaReader) classData(class *javaClass, o *javaObject) {
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
		r.fail("class %q wrote itself in a form of its own", class.name)
	}
}

func (o *javaObject) set(f javaField, value any) {
	if f.code == '[' || f.code == 'L' {
		o.fields[f.name] = value
	}
}

// value reads a field or array element by its type code.
func (r *javaReader) value(code byte) any {
	switch code {
	case '[', 'L':
		return r.content()
	}
	if size := primitiveSize(code); size > 0 {
		r.cursor.bytes(size, "a field")
		return nil
	}
	r.fail("type %q of a Java field is not known", code)
	return nil
}

// primitiveSize is the size of a value of a primitive type, 0 if the code is none.
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
func (r *javaReader) array() any {
	class := r.class()
	if class == nil || len(class.name) < 2 || class.name[0] != '[' {
		r.fail("an array in the serialised Java object has no array class")
		return nil
	}
	at := r.handle(nil)
	count := r.u32("the length of an array")
	code := class.name[1]
	if size := primitiveSize(code); size > 0 {
		b := r.elements(count, size)
		if code != 'B' {
			return nil
		}
		r.handles[at] = b
		return b
	}
	for i := uint32(0); i < count && r.err == nil; i++ {
		r.value(code) // each takes a byte at least, so a count that is too large ends where the data does
	}
	return nil
}

func (r *javaReader) elements(count, size uint32) []byte {
	if uint64(count)*uint64(size) > uint64(len(r.data)) {
		r.fail("an array of %d elements is larger than the file", count)
		return nil
	}
	return r.cursor.bytes(count*size, "an array")
}

// enum returns the constant's name.
func (r *javaReader) enum() any {
	r.class()
	at := r.handle(nil)
	name, ok := r.content().(string)
	if !ok {
		r.fail("an enumeration constant in the serialised Java object has no name")
	}
	if r.err == nil {
		r.handles[at] = name
	}
	return name
}

// sealedKey is a secret key of a JCEKS store, still sealed.
type sealedKey struct {
	parameters pbeParameters
	content    []byte
}

// readSealedKey finds the sealed key in a serialised javax.crypto.SealedObject. The error wraps kdb.ErrParse or kdb.ErrUnsupported.
func readSealedKey(stream []byte) (sealedKey, error) {
	o, err := parseJava(stream)
	if err != nil {
		return sealedKey{}, err
	}
	if !o.is("javax.crypto.SealedObject") {
		return sealedKey{}, fmt.Errorf("%w: a Java object of class %q", kdb.ErrUnsupported, o.classes)
	}
	if alg := o.text("sealAlg"); alg != "PBEWithMD5AndTripleDES" {
		return sealedKey{}, fmt.Errorf("%w: a Java object sealed with %q", kdb.ErrEncryption, alg)
	}
	p, err := readPBE(o.bytes("encodedParams"))
	if err != nil {
		return sealedKey{}, fmt.Errorf("reading a Java object sealed with PBEWithMD5AndTripleDES (%s): %w", oidSunJCEKS, err)
	}
	return sealedKey{p, o.bytes("encryptedContent")}, nil
}

// secretKey is an opened secret key with Java's name of its algorithm.
type secretKey struct {
	algorithm string
	key       []byte
}

// open decrypts the key. The error wraps kdb.ErrPassword or kdb.ErrUnsupported.
func (s sealedKey) open(password []byte) (secretKey, error) {
	wrong := fmt.Errorf("opening a secret key under %s (PBEWithMD5AndTripleDES): %w", oidSunJCEKS, kdb.ErrPassword)
	plain, ok := s.parameters.open(s.content, password)
	if !ok {
		return secretKey{}, wrong
	}
	o, err := parseJava(plain)
	if err != nil {
		return secretKey{}, wrong // so it looks when the padding was right by accident
	}
	return readSecretKey(o)
}

// readSecretKey takes the key out of the forms that Java's providers serialise keys in.
func readSecretKey(o *javaObject) (secretKey, error) {
	switch {
	case o.is("javax.crypto.spec.SecretKeySpec"):
		return secretKey{o.text("algorithm"), o.bytes("key")}, nil
	case o.is("java.security.KeyRep"):
		return secretKey{o.text("algorithm"), o.bytes("encoded")}, nil
	case o.is("com.sun.crypto.provider.DESKey"):
		return secretKey{"DES", o.bytes("key")}, nil
	case o.is("com.sun.crypto.provider.DESedeKey"):
		return secretKey{"DESede", o.bytes("key")}, nil
	}
	return secretKey{}, fmt.Errorf("reading a secret key: %w: a Java object of class %q", kdb.ErrUnsupported, o.classes)
}
