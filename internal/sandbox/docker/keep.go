//go:build linux && (amd64 || arm64)

package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// listed is one of GET /containers/json.
type listed struct {
	ID      string `json:"Id"`
	Names   []string
	Image   string
	State   string
	Created int64
	Labels  map[string]string
}

// ours lists the containers of this home.
func (r *Runner) ours(ctx context.Context) ([]listed, error) {
	filters, err := json.Marshal(map[string][]string{"label": {labelHome + "=" + r.opts.Home}})
	if err != nil {
		return nil, err
	}
	var list []listed
	return list, r.engine.call(ctx, http.MethodGet, "/containers/json?all=1&filters="+url.QueryEscape(string(filters)), nil, &list)
}

// List gives the containers and the private folders of this home.
func (r *Runner) List() ([]Contained, error) {
	out := []Contained{}
	var asked error
	if r.opts.Socket == "" {
		asked = errors.New(r.opts.Why)
	} else {
		var list []listed
		list, asked = r.ours(context.Background())
		for _, c := range list {
			x := Contained{Kind: "container", Name: c.ID[:min(12, len(c.ID))], Agent: c.Labels[labelAgent], Image: c.Image, State: c.State, ConfigHash: c.Labels[labelConfig], Since: time.Unix(c.Created, 0)}
			if len(c.Names) > 0 {
				x.Name = strings.TrimPrefix(c.Names[0], "/")
			}
			out = append(out, x)
		}
	}
	dirs, err := os.ReadDir(r.privateDir())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return out, fmt.Errorf("sandbox: private folders: %w", err)
	}
	for _, d := range dirs {
		if info, err := d.Info(); err == nil && d.IsDir() {
			out = append(out, Contained{Kind: "folder", Name: d.Name(), Since: bornAt(filepath.Join(r.privateDir(), d.Name()), info.ModTime()), Used: info.ModTime()})
		}
	}
	return out, asked
}

// Recreate ends the containers of this home and empties private folders, so
// that the next command begins anew. It names what is gone.
func (r *Runner) Recreate(w Which) ([]string, error) {
	gone := []string{}
	if w.Folder == "" && r.opts.Socket != "" {
		list, err := r.ours(context.Background())
		if err != nil {
			return gone, err
		}
		for _, c := range list {
			err := r.engine.call(context.Background(), http.MethodDelete, "/containers/"+url.PathEscape(c.ID)+"?force=1&v=1", nil, nil)
			if s := statusOf(err); err != nil && s != http.StatusNotFound && s != http.StatusConflict {
				return gone, err
			}
			gone = append(gone, c.ID[:min(12, len(c.ID))])
		}
	}
	return r.empty(gone, func(name string, _, _ time.Time) bool { return w.Folder == "" || w.Folder == name })
}

// empty removes private folders that match.
func (r *Runner) empty(gone []string, match func(name string, born, used time.Time) bool) ([]string, error) {
	root, err := os.OpenRoot(r.privateDir())
	if errors.Is(err, fs.ErrNotExist) {
		return gone, nil
	}
	if err != nil {
		return gone, fmt.Errorf("sandbox: private folders: %w", err)
	}
	defer root.Close()
	dirs, err := os.ReadDir(r.privateDir())
	if err != nil {
		return gone, fmt.Errorf("sandbox: private folders: %w", err)
	}
	for _, d := range dirs {
		info, err := d.Info()
		if err != nil || !d.IsDir() || !match(d.Name(), bornAt(filepath.Join(r.privateDir(), d.Name()), info.ModTime()), info.ModTime()) {
			continue
		}
		if err := root.RemoveAll(d.Name()); err != nil {
			return gone, fmt.Errorf("sandbox: private folder %q: %w", d.Name(), err)
		}
		gone = append(gone, filepath.Base(d.Name()))
	}
	return gone, nil
}

// bornAt is when a folder was made, as far as its file system says.
func bornAt(dir string, otherwise time.Time) time.Time {
	var x unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, dir, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BTIME, &x); err != nil || x.Mask&unix.STATX_BTIME == 0 {
		return otherwise
	}
	return time.Unix(x.Btime.Sec, int64(x.Btime.Nsec))
}

// Prune ends containers that an earlier gateway of this home left, and removes
// private folders that were not used for long or are old; 0 keeps them.
func (r *Runner) Prune(idle, age time.Duration) ([]string, error) {
	gone := []string{}
	if r.opts.Socket != "" {
		list, err := r.ours(context.Background())
		if err != nil {
			return gone, err
		}
		for _, c := range list {
			r.mu.Lock()
			_, mine := r.mine[c.ID]
			r.mu.Unlock()
			if mine {
				continue
			}
			err := r.engine.call(context.Background(), http.MethodDelete, "/containers/"+url.PathEscape(c.ID)+"?force=1&v=1", nil, nil)
			if s := statusOf(err); err != nil && s != http.StatusNotFound && s != http.StatusConflict {
				return gone, err
			}
			gone = append(gone, c.ID[:min(12, len(c.ID))])
		}
	}
	now := r.opts.Now()
	return r.empty(gone, func(_ string, born, used time.Time) bool {
		return idle > 0 && used.Before(now.Add(-idle)) || age > 0 && born.Before(now.Add(-age))
	})
}
