package archtest

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/openclaw-go/openclaw"

type listed struct {
	ImportPath, Dir string
	Standard        bool
	GoFiles         []string
	CgoFiles        []string
	Imports         []string
	Module          *struct{ Path string }
}

// list runs go list over what is built for a platform. The test reads every
// source file as well, so that the test cache sees a changed import.
func list(t *testing.T, goos, pattern string, deps bool) []listed {
	t.Helper()
	args := []string{"list", "-json=ImportPath,Dir,Standard,GoFiles,CgoFiles,Imports,Module"}
	if deps {
		args = append(args, "-deps")
	}
	cmd := exec.Command("go", append(args, pattern)...)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []listed
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		if err := dec.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if !p.Standard && strings.HasPrefix(p.ImportPath, module) {
			for _, f := range p.GoFiles {
				if _, err := os.Stat(filepath.Join(p.Dir, f)); err != nil {
					t.Fatal(err)
				}
			}
		}
		all = append(all, p)
	}
}

func short(path string) (string, bool) {
	return strings.CutPrefix(path, module+"/internal/")
}

func TestImportsPointInwards(t *testing.T) {
	for _, goos := range []string{"linux", "darwin", "windows"} {
		seen := map[string]bool{}
		for _, p := range list(t, goos, "./internal/...", false) {
			name, _ := short(p.ImportPath)
			if name == "archtest" || len(p.GoFiles) == 0 {
				continue
			}
			seen[name] = true
			r, ok := rules[name]
			if !ok {
				t.Errorf("%s: package has no rule in rules_test.go", name)
				continue
			}
			checkImports(t, goos, name, r, p.Imports)
		}
		if goos == "linux" {
			for name := range rules {
				if !seen[name] {
					t.Errorf("a rule names package %q, which does not exist", name)
				}
			}
		}
	}
}

func checkImports(t *testing.T, goos, name string, r rule, imports []string) {
	t.Helper()
	fan := 0
	for _, imp := range imports {
		if r.ring == 0 && slices.Contains(pureBanned, imp) {
			t.Errorf("%s (%s): ring 0 imports %q", name, goos, imp)
		}
		dep, ours := short(imp)
		if !ours || dep == "claw" {
			continue
		}
		fan++
		if other, ok := rules[dep]; ok && other.ring > r.ring {
			t.Errorf("%s (%s): ring %d imports %s of ring %d", name, goos, r.ring, dep, other.ring)
		}
		if !slices.Contains(r.may, dep) && !slices.Contains(r.may, "*") {
			t.Errorf("%s (%s): may not import %s", name, goos, dep)
		}
		if by, ok := onlyBy[dep]; ok && !slices.Contains(by, name) {
			t.Errorf("%s (%s): %s may be imported by %v only", name, goos, dep, by)
		}
	}
	if _, exempt := fanOutExempt[name]; fan > fanOutLimit && !exempt {
		t.Errorf("%s (%s): imports %d packages of this module, at most %d", name, goos, fan, fanOutLimit)
	}
}

func TestNamesSayWhatAPackageProvides(t *testing.T) {
	for _, p := range list(t, "linux", "./internal/...", false) {
		for _, bad := range []string{"util", "utils", "common", "core", "helper", "helpers", "types", "misc", "manager"} {
			if filepath.Base(p.ImportPath) == bad {
				t.Errorf("%s: %q says nothing about what the package provides", p.ImportPath, bad)
			}
		}
	}
}

// TestR33OnlyTheRimHasEffects looks for symbols that start processes, dial or
// listen in everything that is linked into the program, libraries included.
func TestR33OnlyTheRimHasEffects(t *testing.T) {
	used, read := map[string]bool{}, map[string][][2]string{} // most files are those of every system
	for _, goos := range []string{"linux", "darwin", "windows"} {
		for _, p := range list(t, goos, "./cmd/openclaw", true) {
			if p.Standard {
				continue
			}
			for _, f := range p.GoFiles {
				path := filepath.Join(p.Dir, f)
				symbols, ok := read[path]
				if !ok {
					file := parse(t, path)
					checkHidden(t, p, path, file, used)
					symbols = symbolsIn(file)
					read[path] = symbols
				}
				for _, s := range symbols {
					checkSymbol(t, goos, p, f, s, used)
				}
			}
		}
	}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(thirdParty)), slices.Collect(maps.Keys(linknames))) {
		if !used[name] {
			t.Errorf("an exception names %q, which uses nothing forbidden", name)
		}
	}
}

// checkHidden refuses what a look at selectors would not see: names that come
// from a package without its name, and functions reached past the language.
func checkHidden(t *testing.T, p listed, path string, f *ast.File, used map[string]bool) {
	t.Helper()
	for _, imp := range f.Imports {
		if imp.Name != nil && imp.Name.Name == "." {
			t.Errorf("%s: imports %s as its own names", path, imp.Path.Value)
		}
	}
	for _, g := range f.Comments {
		for _, c := range g.List {
			to, ok := strings.CutPrefix(c.Text, "//go:linkname ")
			if words := strings.Fields(to); !ok || len(words) < 2 {
				continue
			} else if reason := linknames[p.ImportPath]; reason == "" {
				t.Errorf("%s: takes %s past the language without a reasoned exception", path, words[1])
			}
			used[p.ImportPath] = true
		}
	}
}

// TestR33NothingLinkedCanExec looks at the program itself, as the linker left
// it: packages that start processes or serve others' doors are not in it at
// all, on any system.
func TestR33NothingLinkedCanExec(t *testing.T) {
	absent := []string{"os/exec", "plugin", "log/syslog", "net/smtp", "net/rpc", "net/http/cgi", "net/http/pprof", "expvar", "runtime/cgo"}
	for _, goos := range []string{"linux", "darwin", "windows"} {
		n := 0
		for _, p := range list(t, goos, "./cmd/openclaw", true) {
			n++
			if slices.Contains(absent, p.ImportPath) {
				t.Errorf("%s: the program is made with %s", goos, p.ImportPath)
			}
		}
		if n < 200 {
			t.Fatalf("%s: only %d packages were listed", goos, n)
		}
	}
	bin := filepath.Join(t.TempDir(), "openclaw")
	build := exec.Command("go", "build", "-o", bin, "./cmd/openclaw")
	build.Dir = "../.."
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	symbols, err := exec.Command("go", "tool", "nm", bin).Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for l := range strings.Lines(string(symbols)) {
		f := strings.Fields(l)
		if len(f) < 3 {
			continue
		}
		seen[f[2]] = true
		for _, bad := range []string{"os.StartProcess", "os.startProcess", "net.Dial", "net.DialTimeout", "net.DialTCP", "net.DialUDP", "net.DialIP", "crypto/tls.Dial", "net/http.Get", "net/http.Post"} {
			if f[2] == bad {
				t.Errorf("the program holds %s", bad)
			}
		}
		if strings.HasPrefix(f[2], "os/exec.") || strings.HasPrefix(f[2], "plugin.") {
			t.Errorf("the program holds %s", f[2])
		}
	}
	if !seen["net.(*Dialer).DialContext"] || !seen["syscall.forkExec"] {
		t.Error("the list of symbols has neither the dialer nor the launcher's fork: it proves nothing")
	}
}

func checkSymbol(t *testing.T, goos string, p listed, file string, s [2]string, used map[string]bool) {
	t.Helper()
	for _, r := range symbolRules {
		if r.pkg != s[0] || r.name != s[1] {
			continue
		}
		name, ours := short(p.ImportPath)
		if !ours {
			if reason := thirdParty[p.ImportPath]; reason == "" {
				t.Errorf("%s (%s): uses %s.%s in %s without a reasoned exception", p.ImportPath, goos, s[0], s[1], file)
			}
			used[p.ImportPath] = true
			continue
		}
		if r.allowed[name] == "" {
			t.Errorf("%s (%s): uses %s.%s in %s; only %v may", name, goos, s[0], s[1], file, r.allowed)
		}
	}
}

func parse(t *testing.T, path string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// symbolsOf lists pkg.Name selectors of a file with the package's full path.
func symbolsOf(t *testing.T, path string) [][2]string {
	t.Helper()
	return symbolsIn(parse(t, path))
}

func symbolsIn(f *ast.File) [][2]string {
	imports := map[string]string{}
	for _, imp := range f.Imports {
		full, _ := strconv.Unquote(imp.Path.Value)
		local := full[strings.LastIndexByte(full, '/')+1:]
		if imp.Name != nil {
			local = imp.Name.Name
		}
		imports[local] = full
	}
	var out [][2]string
	ast.Inspect(f, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok && imports[id.Name] != "" {
				out = append(out, [2]string{imports[id.Name], sel.Sel.Name})
			}
		}
		return true
	})
	return out
}

// TestRingZeroAsksForNoClock: time and environment come in as arguments.
func TestRingZeroAsksForNoClock(t *testing.T) {
	for _, p := range list(t, "linux", "./internal/...", false) {
		name, _ := short(p.ImportPath)
		if r, ok := rules[name]; !ok || r.ring != 0 {
			continue
		}
		for _, f := range p.GoFiles {
			for _, s := range symbolsOf(t, filepath.Join(p.Dir, f)) {
				if s[0] == "time" && slices.Contains([]string{"Now", "Sleep", "After", "NewTimer", "Tick", "NewTicker", "Since"}, s[1]) || s[0] == "math/rand" || s[0] == "crypto/rand" {
					t.Errorf("%s: uses %s.%s in %s", name, s[0], s[1], f)
				}
			}
		}
	}
}
