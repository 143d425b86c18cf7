package bext

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"strings"
	"testing"
)

// undocumented calls report for each name that a reader of the documentation sees without a word about it.
func undocumented(p *doc.Package, report func(name string)) {
	functions := func(receiver string, all []*doc.Func) {
		for _, f := range all {
			if !strings.HasPrefix(f.Doc, f.Name+" ") {
				report(receiver + f.Name)
			}
		}
	}
	values := func(all []*doc.Value) {
		for _, v := range all {
			if v.Doc == "" {
				report(strings.Join(v.Names, ", "))
			}
		}
	}
	functions("", p.Funcs)
	values(append(p.Consts, p.Vars...))
	for _, t := range p.Types {
		if t.Doc == "" {
			report(t.Name)
		}
		functions("", t.Funcs)
		functions(t.Name+".", t.Methods)
		values(append(t.Consts, t.Vars...))
	}
}

func TestEverythingExportedIsDocumented(t *testing.T) {
	files := token.NewFileSet()
	isSource := func(file fs.FileInfo) bool { return !strings.HasSuffix(file.Name(), "_test.go") }
	packages, err := parser.ParseDir(files, ".", isSource, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var sources []*ast.File
	for _, file := range packages["bext"].Files {
		sources = append(sources, file)
	}
	p, err := doc.NewFromFiles(files, sources, "bext")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(p.Doc, "Package bext ") || len(p.Types) < 6 {
		t.Error("the package itself is not documented")
	}
	undocumented(p, func(name string) { t.Errorf("%s is not documented", name) })
}
