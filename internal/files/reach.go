package files

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// Reach is what a run may read of its ground. The zero Reach is nothing.
type Reach struct {
	// All: whatever is there.
	All bool
	// Paths are absolute; a folder stands for everything in it.
	Paths []string
}

// picks reports whether the file at path is within reach.
func (r Reach) picks(path string) bool {
	return r.All || slices.ContainsFunc(r.Paths, func(p string) bool { return beneath(path, p) })
}

// meets reports whether something beneath dir is within reach.
func (r Reach) meets(dir string) bool {
	return r.All || slices.ContainsFunc(r.Paths, func(p string) bool { return beneath(p, dir) || beneath(dir, p) })
}

// Brought is what a run can have read: the labels, and for people where those
// come from that are more than private.
type Brought struct {
	Labels claw.Labels
	From   []string
}

// maxFrom bounds the names in Brought.
const maxFrom = 3

func (b *Brought) add(labels claw.Labels, from string) {
	b.Labels |= labels
	if labels&^claw.Private != 0 && len(b.From) < maxFrom && !slices.Contains(b.From, from) {
		b.From = append(b.From, from)
	}
}

// Brings tells what the run could read of what stood there when its account
// was last taken and of what stands there now. Without a store everything is
// untrusted and private.
func (w *Watch) Brings(ctx context.Context, r Reach) (Brought, error) {
	var out Brought
	if w.tree.labels == nil {
		out.add(strict, "files that nobody recorded")
		return out, nil
	}
	if r.meets(w.ground.Workspace) {
		is, err := Take(ctx, w.ground.Workspace)
		if err != nil {
			return Brought{}, err
		}
		for _, s := range []Snapshot{w.was, is} {
			if err := w.workspace(ctx, s, r, &out); err != nil {
				return Brought{}, err
			}
		}
	}
	if w.ground.Cache != "" && r.All {
		cache, err := takeCache(ctx, w.ground.Cache)
		if err != nil {
			return Brought{}, err
		}
		if !cache.empty() {
			labels, _ := w.tree.labels.folder(w.ground.Cache)
			out.add(labels, "the cache of earlier runs")
		}
	}
	for _, root := range w.ground.ReadRoots {
		if r.meets(root) {
			if err := w.readRoot(ctx, root, r, &out); err != nil {
				return Brought{}, err
			}
		}
	}
	return out, nil
}

// folder are the labels of a folder that is accounted for as a whole.
func (l *Labels) folder(dir string) (claw.Labels, bool) {
	if l == nil {
		return strict, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	k, ok := l.path[dir]
	if !ok || l.damaged > 0 {
		return strict, false
	}
	return k.labels | claw.Private, true
}

// workspace adds what the files of a snapshot carry. Only those are opened
// whose content may be one that an agent wrote from outside.
func (w *Watch) workspace(ctx context.Context, s Snapshot, r Reach, out *Brought) error {
	if s.shut {
		out.add(strict, "a folder that may not be listed")
	}
	suspects := w.tree.labels.suspects(s, r, w.id, out)
	for _, path := range suspects {
		if err := ctx.Err(); err != nil {
			return err
		}
		sum, err := w.tree.labels.hash(s.root, path, s.files[path])
		if isNotExist(err) {
			continue
		}
		if err != nil && !errors.Is(err, ErrTooLarge) && !errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("files: %q: %w", path, err)
		}
		l := w.tree.labels
		l.mu.Lock()
		labels, _ := l.of(Subject{Path: path, SHA256: sum, Workspace: true, Changed: s.files[path].changed()}, w.id)
		l.mu.Unlock()
		out.add(labels, "file "+strings.TrimPrefix(path, s.root+"/"))
	}
	w.tree.labels.folders(s, r, out)
	return nil
}

// suspects lists the files within reach whose content must be looked at, and
// adds what is known of the others.
func (l *Labels) suspects(s Snapshot, r Reach, but string, out *Brought) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []string
	for path, st := range s.files {
		if !r.picks(path) {
			continue
		}
		if !st.mode.IsRegular() {
			out.add(l.path[path].labels|claw.Private, "name "+strings.TrimPrefix(path, s.root+"/"))
			continue
		}
		_, could := l.couldWrite(path, st.changed(), but)
		switch {
		case l.damaged > 0:
			out.add(strict, "the label store is damaged")
		case could, l.path[path].labels&^claw.Private != 0, l.sizes[st.size] > 0, l.sizes[0] > 0:
			list = append(list, path)
		default:
			out.add(claw.Private, "")
		}
	}
	slices.Sort(list)
	return list
}

// folders adds what the names of folders carry that an agent made.
func (l *Labels) folders(s Snapshot, r Reach, out *Brought) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for dir := range s.dirs {
		if labels := l.path[dir].labels; labels&^claw.Private != 0 && r.picks(dir) {
			out.add(labels, "folder "+strings.TrimPrefix(dir, s.root+"/"))
		}
	}
}

// hashed is a hash with the state of the file that it was made of.
type hashed struct {
	stamp stamp
	sum   string
}

// maxHashed bounds what is kept of hashes.
const maxHashed = 50_000

// hash is hashBeneath that remembers.
func (l *Labels) hash(root, path string, st stamp) (string, error) {
	l.mu.Lock()
	h, ok := l.hashes[path]
	l.mu.Unlock()
	if ok && h.stamp == st {
		return h.sum, nil
	}
	sum, err := hashBeneath(root, path)
	if err != nil {
		return sum, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.hashes) >= maxHashed {
		clear(l.hashes)
	}
	l.hashes[path] = hashed{st, sum}
	return sum, nil
}

func (s stamp) changed() time.Time { return time.Unix(0, s.ctime) }

// readRoot adds what can be read of a folder elsewhere: nobody knows where it
// comes from unless a person vouched for the folder or for the files.
func (w *Watch) readRoot(ctx context.Context, root string, r Reach, out *Brought) error {
	s, err := Take(ctx, root)
	switch {
	case errors.Is(err, ErrTooLarge):
		out.add(strict, "folder "+root)
		return nil
	case err != nil:
		return err
	}
	l := w.tree.labels
	l.mu.Lock()
	state, vouched := l.trees[root]
	l.mu.Unlock()
	if s.shut {
		out.add(strict, "folder "+root)
	}
	if vouched && state == s.state() {
		out.add(claw.Private, "")
		return nil
	}
	if r.All {
		if s.Len() > 0 {
			out.add(strict, "folder "+root+" (nobody vouched for it: openclaw policy trust "+root+")")
		}
		return nil
	}
	for path, st := range s.files {
		if !r.picks(path) || !st.mode.IsRegular() {
			continue
		}
		sum, err := l.hash(root, path, st)
		if err != nil {
			sum = ""
		}
		labels, _ := l.Of(Subject{Path: path, SHA256: sum, Changed: st.changed()})
		out.add(labels, "file "+path)
	}
	return nil
}
