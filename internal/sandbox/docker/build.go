//go:build linux && (amd64 || arm64)

package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

var imageName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[a-z0-9][a-z0-9._/-]{0,200}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$`)
})

// Build makes the image of containers out of this program and a static busybox,
// or on top of a local image. Nothing is fetched: a base that is not there is
// an error.
func (r *Runner) Build(b Build) (Built, error) {
	if r.opts.Socket == "" {
		return Built{}, fmt.Errorf("sandbox: build: %s", r.opts.Why)
	}
	if !imageName().MatchString(b.Tag) || strings.Contains(b.Tag, "@") {
		return Built{}, fmt.Errorf("sandbox: build: %q is not a name of an image", b.Tag)
	}
	if err := static(b.Program); err != nil {
		return Built{}, fmt.Errorf("sandbox: build: this program: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), buildLimit)
	defer cancel()
	if b.From != "" {
		if err := r.localBase(ctx, b.From); err != nil {
			return Built{}, err
		}
	} else if err := static(b.Busybox); err != nil {
		return Built{}, fmt.Errorf("sandbox: build: busybox: %w (Debian: busybox-static)", err)
	}
	body, err := buildContext(b)
	if err != nil {
		return Built{}, err
	}
	q := url.Values{"t": {b.Tag}, "networkmode": {"none"}, "forcerm": {"1"}, "nocache": {"1"}}
	res, err := r.engine.send(ctx, http.MethodPost, "/build?"+q.Encode(), "application/x-tar", body)
	if err != nil {
		return Built{}, err
	}
	defer func() { _ = res.Body.Close() }()
	if err := heedBuild(res.Body, b.Say); err != nil {
		return Built{}, err
	}
	return r.Pinned(b.Tag)
}

// Pinned is the content that a name of an image means now.
func (r *Runner) Pinned(name string) (Built, error) {
	var x struct {
		ID string `json:"Id"`
	}
	if r.opts.Socket == "" {
		return Built{}, fmt.Errorf("sandbox: image: %s", r.opts.Why)
	}
	if err := r.engine.call(context.Background(), http.MethodGet, "/images/"+url.PathEscape(name)+"/json", nil, &x); err != nil {
		return Built{}, err
	}
	return Built{Tag: name, ID: x.ID}, nil
}

func (r *Runner) localBase(ctx context.Context, from string) error {
	if !imageName().MatchString(from) {
		return fmt.Errorf("sandbox: build: %q is not a name of an image", from)
	}
	err := r.engine.call(ctx, http.MethodGet, "/images/"+url.PathEscape(from)+"/json", nil, nil)
	if statusOf(err) == http.StatusNotFound {
		return fmt.Errorf("sandbox: build: image %q is not there; nothing is fetched", from)
	}
	return err
}

// static refuses a program that would look for a loader.
func static(program []byte) error {
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return fmt.Errorf("found no program of Linux: %w", err)
	}
	defer func() { _ = f.Close() }()
	if slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		return errors.New("found a program that needs a loader, expected a static one")
	}
	return nil
}

// buildContext is the archive that an image is made of.
func buildContext(b Build) (io.Reader, error) {
	sum := sha256.Sum256(b.Program)
	lines := []string{"FROM scratch"}
	if b.From != "" {
		lines = []string{"FROM " + b.From, "USER 0:0"}
	}
	lines = append(lines, "COPY openclaw "+InsidePath)
	if b.From == "" {
		lines = append(lines, "COPY busybox /bin/busybox", "COPY etc/ /etc/",
			`RUN ["/bin/busybox", "--install", "-s", "/bin"]`,
			`RUN ["/bin/busybox", "sh", "-c", "/bin/mkdir -p /usr /tmp /var/tmp /run /home/sandbox && /bin/ln -s ../bin /usr/bin && /bin/ln -s ../bin /usr/sbin && /bin/ln -s bin /sbin"]`)
	}
	lines = append(lines, fmt.Sprintf("LABEL %s=%q org.opencontainers.image.title=%q org.opencontainers.image.version=%q", labelStage, hex.EncodeToString(sum[:]), "openclaw sandbox", b.Version),
		"USER 1000:1000", fmt.Sprintf("ENTRYPOINT [%q]", InsidePath), "CMD []")
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range []struct {
		name string
		mode int64
		data []byte
	}{{"Dockerfile", 0o644, []byte(strings.Join(lines, "\n") + "\n")}, {"openclaw", 0o755, b.Program}, {"busybox", 0o755, b.Busybox},
		{"etc/passwd", 0o644, []byte("root:x:0:0::/nonexistent:/bin/sh\nsandbox:x:1000:1000::" + homeDir + ":/bin/sh\n")},
		{"etc/group", 0o644, []byte("root:x:0:\nsandbox:x:1000:\n")}} {
		if f.data == nil {
			continue
		}
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.data))}); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	return &out, w.Close()
}

// heedBuild reads what an engine says while it builds.
func heedBuild(r io.Reader, say func(string)) error {
	d := json.NewDecoder(io.LimitReader(r, maxAnswer))
	for {
		var line struct {
			Stream string `json:"stream"`
			Error  string `json:"error"`
		}
		err := d.Decode(&line)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("sandbox: build: %w", err)
		case line.Error != "":
			return fmt.Errorf("sandbox: build: %s", line.Error)
		case say != nil && strings.TrimSpace(line.Stream) != "":
			say(strings.TrimSpace(line.Stream))
		}
	}
}
