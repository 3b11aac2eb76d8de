package configfile

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openclaw-go/openclaw/internal/config"
)

// home makes a home with the given files below its state directory.
func home(t testing.TB, files ...string) Paths {
	t.Helper()
	p, err := ResolvePaths(Env{Getenv: getenv("HOME", t.TempDir())})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(p.State, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(files); i += 2 {
		put(t, filepath.Join(p.State, files[i]), files[i+1])
	}
	return p
}

func put(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func load(t testing.TB, p Paths) *Loaded {
	t.Helper()
	l, err := Load(p, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLoadAbsent(t *testing.T) {
	l := load(t, home(t))
	if !l.Absent || l.Hash != "" || l.Config.Tools.Exec.Security.V != config.ExecDeny || len(l.Problems) > 0 {
		t.Errorf("%+v", l)
	}
}

func TestLoadIncludes(t *testing.T) {
	p := home(t, "openclaw.json", `{ $include: ["./base.json5", "sub/more.json5"], gateway: { port: 1111 } }`,
		"base.json5", `{ gateway: { port: 2222, bind: "lan" }, tools: { $include: "sub/tools.json5", profile: "minimal" }, skills: { policy: "open" } }`,
		"sub/more.json5", `{ skills: { policy: "allowlist" } }`,
		"sub/tools.json5", `{ profile: "full", deny: ["exec"] }`)
	l := load(t, p)
	if len(l.Problems) > 0 {
		t.Fatal(l.Problems)
	}
	c := l.Config
	if c.Gateway.Port.V != 1111 || c.Gateway.Bind.V != config.BindLAN || c.Tools.Profile.V != "minimal" || c.Skills.Policy.V != "allowlist" || len(c.Tools.Deny.V) != 1 {
		t.Errorf("merged wrongly: %v %v %v %v", c.Gateway.Port, c.Gateway.Bind, c.Tools.Profile, c.Skills.Policy)
	}
	if got := c.Tools.Deny.Ref.String(); got != "sub/tools.json5:1:26 tools.deny" {
		t.Errorf("place of an included value: %s", got)
	}
	if len(l.Files) != 4 || !l.Includes {
		t.Errorf("files %v", l.Files)
	}
	before := l.Hash
	put(t, filepath.Join(p.State, "sub/tools.json5"), `{}`)
	if load(t, p).Hash == before {
		t.Error("the hash misses an included file")
	}
}

func TestLoadRefusesIncludes(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "x.json")
	put(t, outside, `{ tools: { profile: "full" } }`)
	deep := []string{"openclaw.json", `{ $include: "d1.json" }`}
	for i := 1; i <= 12; i++ {
		deep = append(deep, "d"+itoa(i)+".json", `{ $include: "d`+itoa(i+1)+`.json" }`)
	}
	for name, c := range map[string]struct {
		files []string
		want  string
	}{
		"itself":    {[]string{"openclaw.json", `{ $include: "openclaw.json" }`}, "openclaw.json:1:13 $include: found a cycle"},
		"a cycle":   {[]string{"openclaw.json", `{ $include: "a.json" }`, "a.json", "{\n tools: { $include: 'b.json' } }", "b.json", `{ $include: "./a.json" }`}, "b.json:1:13 $include: found a cycle"},
		"depth":     {deep, "d10.json:1:13 $include: found includes deeper than 10"},
		"escape":    {[]string{"openclaw.json", `{ $include: "../../etc/passwd" }`}, "openclaw.json:1:13 $include: found \"../../etc/passwd\", which leads outside"},
		"absolute":  {[]string{"openclaw.json", `{ $include: "` + filepath.ToSlash(outside) + `" }`}, "which leads outside"},
		"missing":   {[]string{"openclaw.json", "{\n  tools: {\n    $include: 'none.json' } }"}, "openclaw.json:3:15 $include: found \"none.json\""},
		"too large": {[]string{"openclaw.json", `{ $include: "big.json" }`, "big.json", strings.Repeat(" ", 10<<20)}, "openclaw.json:1:13 $include: found \"big.json\""},
		"directory": {[]string{"openclaw.json", `{ $include: "dir" }`, "dir/x", ""}, "not a regular file"},
		"a number":  {[]string{"openclaw.json", `{ $include: 1 }`}, "openclaw.json:1:13 $include: found a number"},
		"in a list": {[]string{"openclaw.json", `{ $include: [true] }`}, "openclaw.json:1:14 $include: found a boolean"},
		"NUL":       {[]string{"openclaw.json", `{ $include: "a\0b" }`}, "no usable path"},
		"no object": {[]string{"openclaw.json", `{ $include: "l.json", tools: {} }`, "l.json", `[]`}, "beside other keys"},
		"broken":    {[]string{"openclaw.json", `{ $include: "b.json" }`, "b.json", "{\n a: }"}, "b.json:2:5: found"},
	} {
		l := load(t, home(t, c.files...))
		if err := l.Problems.Err(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if l.Config.Tools.Profile.V == "full" {
			t.Errorf("%s: the file outside was read", name)
		}
	}
	// A root that the environment names opens the way.
	p := home(t, "openclaw.json", `{ $include: "`+filepath.ToSlash(outside)+`" }`)
	p.IncludeRoots = []string{filepath.Dir(outside)}
	if l := load(t, p); len(l.Problems) > 0 || l.Config.Tools.Profile.V != "full" {
		t.Errorf("an include root is refused: %v", l.Problems)
	}
}

func itoa(n int) string {
	if n >= 10 {
		return itoa(n/10) + itoa(n%10)
	}
	return string(rune('0' + n))
}

func TestLoadRefusesIncludedLinks(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "x.json")
	put(t, outside, `{ tools: { profile: "full" } }`)
	p := home(t, "openclaw.json", `{ $include: "link.json" }`)
	if err := os.Symlink(outside, filepath.Join(p.State, "link.json")); err != nil {
		t.Fatal(err)
	}
	l := load(t, p)
	if !l.Problems.HasErrors() || l.Config.Tools.Profile.Set {
		t.Errorf("a link leads out: %v", l.Problems)
	}
}

func TestLoadUnreadable(t *testing.T) {
	p := home(t, "openclaw.json", strings.Repeat("x", 10<<20))
	if l, err := Load(p, Options{}); !errors.Is(err, ErrTooLarge) || l.Config == nil {
		t.Errorf("10 MB: %v", err)
	}
	p = home(t, "openclaw.json/x", "")
	if l, err := Load(p, Options{}); !errors.Is(err, ErrNotRegular) || l.Config.Tools.Exec.Security.V != config.ExecDeny {
		t.Errorf("a directory: %v", err)
	}
}

func TestLoadPort(t *testing.T) {
	p := home(t, "openclaw.json", `{ gateway: { port: 1111 } }`)
	again, err := ResolvePaths(Env{Getenv: getenv("HOME", p.Home, EnvPort, "2222")})
	if err != nil {
		t.Fatal(err)
	}
	if v := load(t, again).Config.Gateway.Port; v.V != 2222 || v.Ref.String() != "environment OPENCLAW_GATEWAY_PORT" {
		t.Errorf("port %+v", v)
	}
}

// Every home of the corpus loads, or is refused with a place.
func TestHomes(t *testing.T) {
	f, err := os.Open(filepath.Join("testdata", "homes.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	gz, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for tr := tar.NewReader(gz); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(filepath.Base(h.Name), "openclaw") {
			continue
		}
		b, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		seen++
		l := load(t, home(t, "openclaw.json", string(b)))
		refused := strings.Contains(h.Name, "38-broken") || len(strings.TrimSpace(string(b))) == 0
		if l.Problems.HasErrors() != refused {
			t.Errorf("%s: refused %v, want %v: %v", h.Name, !refused, refused, l.Problems)
		}
		for _, p := range l.Problems {
			if p.Where.File != "openclaw.json" || p.Where.Line < 1 || p.Where.Column < 1 {
				t.Errorf("%s: a problem without a place: %v", h.Name, p)
			}
		}
		if strings.Contains(h.Name, "38-broken") && l.Config.Gateway.Bind.V != config.BindLAN {
			t.Errorf("%s: what was understood is lost", h.Name)
		}
	}
	if seen < 26 {
		t.Errorf("%d homes, want at least 26", seen)
	}
}

func BenchmarkLoad(b *testing.B) {
	text, err := config.HomeText(config.Home{})
	if err != nil {
		b.Fatal(err)
	}
	p := home(b, "openclaw.json", text)
	b.ReportAllocs()
	for b.Loop() {
		load(b, p)
	}
}
