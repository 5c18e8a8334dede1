// Command typecheck type-checks all packages of a module with their tests, as they are on other platforms. It needs a few seconds for a
// platform, because nothing is compiled: what the programs import is read from source, without the bodies of functions.
//
//	typecheck MODULE-FOLDER OS/ARCHITECTURE…
package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/tools/go/packages"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: typecheck MODULE-FOLDER OS/ARCHITECTURE...")
		os.Exit(2)
	}
	for _, platform := range os.Args[2:] {
		if err := check(os.Args[1], platform); err != nil {
			fmt.Fprintf(os.Stderr, "typecheck: %s: %v\n", platform, err)
			os.Exit(1)
		}
	}
}

func check(folder, platform string) error {
	goos, goarch, _ := strings.Cut(platform, "/")
	loaded, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports | packages.NeedDeps |
			packages.NeedTypes | packages.NeedSyntax | packages.NeedTypesInfo | packages.NeedTypesSizes | packages.NeedModule,
		Dir:   folder,
		Env:   append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0"),
		Tests: true,
	}, "./...")
	if err != nil {
		return err
	}
	if n := packages.PrintErrors(loaded); n > 0 {
		return fmt.Errorf("%d errors", n)
	}
	fmt.Printf("%s: %d packages\n", platform, len(loaded))
	return nil
}
