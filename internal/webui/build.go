package webui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed static templates
var embedded embed.FS

// content is the site made once: frames by page id and assets by file name,
// each with its compressed form.
type content struct {
	hash   string
	assets map[string]asset
	frames map[string]asset
}

type asset struct {
	kind   string
	etag   string
	plain  []byte
	gzip   []byte
	frozen bool // named by its content, so no revalidation is ever needed
}

// frameData is all that a template sees.
type frameData struct {
	Options
	Page   Page
	Pages  []Page
	Prefix string
	Build  string
	Assets string // directory of this build
	Bodies []body
}

// body is the drawn template of one page.
type body struct {
	ID   string
	HTML template.HTML
}

func build(o Options) (content, error) {
	c := content{assets: map[string]asset{}, frames: map[string]asset{}}
	sum := sha256.New()
	err := fs.WalkDir(embedded, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(embedded, name)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%s %d\n", name, len(b))
		sum.Write(b)
		if file, ok := strings.CutPrefix(name, "static/"); ok {
			a, err := newAsset(kindOf(file), b)
			if err != nil {
				return err
			}
			a.frozen = true
			c.assets[file] = a
		}
		return nil
	})
	if err != nil {
		return content{}, err
	}
	fmt.Fprintf(sum, "%q %q %q", o.Host, o.User, o.Version)
	c.hash = hex.EncodeToString(sum.Sum(nil))[:16]
	return c, c.draw(o)
}

// draw makes the frame of every page: the page's own body in place, all bodies
// as templates for later.
func (c *content) draw(o Options) error {
	t, err := template.ParseFS(embedded, "templates/*.html")
	if err != nil {
		return err
	}
	data := frameData{Options: o, Pages: Pages(), Prefix: Prefix, Build: c.hash, Assets: Prefix + "assets/" + c.hash}
	for _, p := range Pages() {
		var b bytes.Buffer
		if err := t.ExecuteTemplate(&b, "page-"+p.ID, data); err != nil {
			return err
		}
		data.Bodies = append(data.Bodies, body{ID: p.ID, HTML: template.HTML(b.String())}) //nolint:gosec // the output of our own template
	}
	for _, p := range Pages() {
		var b bytes.Buffer
		data.Page = p
		if err := t.ExecuteTemplate(&b, "frame.html", data); err != nil {
			return err
		}
		if c.frames[p.ID], err = newAsset("text/html; charset=utf-8", b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// kindOf is fixed here because the machine's own table may say anything.
func kindOf(file string) string {
	switch path.Ext(file) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return "application/octet-stream"
}

func newAsset(kind string, plain []byte) (asset, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return asset{}, err
	}
	if _, err := z.Write(plain); err != nil {
		return asset{}, err
	}
	if err := z.Close(); err != nil {
		return asset{}, err
	}
	sum := sha256.Sum256(plain)
	return asset{kind: kind, etag: `"` + hex.EncodeToString(sum[:12]) + `"`, plain: plain, gzip: b.Bytes()}, nil
}

// write sends the asset in the form the client takes. Caching headers are the
// caller's.
func (a asset) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Vary", "Accept-Encoding")
	if !a.frozen {
		h.Set("ETag", a.etag)
		if r.Header.Get("If-None-Match") == a.etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	body := a.plain
	if takesGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		body = a.gzip
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(body) // the client went away: nothing to do
}

func takesGzip(accept string) bool {
	for coding := range strings.SplitSeq(accept, ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(coding), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			return strings.ReplaceAll(weight, " ", "") != "q=0"
		}
	}
	return false
}
