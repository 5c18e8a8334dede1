package name_test

import (
	"fmt"

	"certkdb/pki/name"
)

func ExampleParseString() {
	a, err := name.ParseString(`CN=Sales\, Paris,O=Example,C=FR`)
	if err != nil {
		fmt.Println(err)
		return
	}
	b, _ := name.ParseString(`cn="SALES,  paris"; o = example; c=fr`)
	fmt.Println(a.CommonName(), name.Equal(a, b))
	fmt.Println(b)
	// Output:
	// Sales, Paris true
	// CN=SALES\,  paris,O=example,C=fr
}
