package cocoeval

import (
	"cmp"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// Evaluate gives the figures of detections on a data set. Detections in images
// or of categories that it does not list do not count.
func Evaluate(set *Dataset, detections []Detection) Result {
	images := distinct(set.Images, func(i Image) int64 { return i.ID })
	categories := distinct(set.Categories, func(c Category) int64 { return c.ID })
	at := func(image, category int64) (i, c int, ok bool) {
		i, ok1 := slices.BinarySearchFunc(images, image, func(x Image, id int64) int { return cmp.Compare(x.ID, id) })
		c, ok2 := slices.BinarySearchFunc(categories, category, func(x Category, id int64) int { return cmp.Compare(x.ID, id) })
		return i, c, ok1 && ok2
	}
	truths := groupBy(len(images), len(categories), set.Truths, func(t *Truth) (int, int, bool) { return at(t.Image, t.Category) })
	found := groupBy(len(images), len(categories), detections, func(d *Detection) (int, int, bool) { return at(d.Image, d.Category) })

	classes := make([]Class, len(categories))
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(categories)) {
		wait.Go(func() {
			var m Matcher
			for {
				c := int(next.Add(1)) - 1
				if c >= len(categories) {
					return
				}
				classes[c] = classOf(&m, truths.class(c), found.class(c))
				classes[c].Category = categories[c]
			}
		})
	}
	wait.Wait()
	r := Result{Stats: Mean(classes), Classes: classes}
	for t := range r.PerIoU {
		r.PerIoU[t] = mean(classes, func(c *Class) float64 { return c.PerIoU[t] })
	}
	return r
}

// classOf evaluates one class: truths and detections in order of images.
func classOf(m *Matcher, truths grouped[Truth], found grouped[Detection]) Class {
	var images []Matched
	for len(truths.list) > 0 || len(found.list) > 0 {
		image := min(truths.first(), found.first())
		images = append(images, m.Match(truths.take(image), found.take(image)))
	}
	return Accumulate(images)
}

// Mean gives the figures over all classes that have truths that count.
func Mean(classes []Class) Stats {
	of := func(figure func(*Stats) float64) float64 {
		return mean(classes, func(c *Class) float64 { return figure(&c.Stats) })
	}
	return Stats{
		AP:   of(func(s *Stats) float64 { return s.AP }),
		AP50: of(func(s *Stats) float64 { return s.AP50 }), AP75: of(func(s *Stats) float64 { return s.AP75 }),
		APs: of(func(s *Stats) float64 { return s.APs }), APm: of(func(s *Stats) float64 { return s.APm }), APl: of(func(s *Stats) float64 { return s.APl }),
		AR1: of(func(s *Stats) float64 { return s.AR1 }), AR10: of(func(s *Stats) float64 { return s.AR10 }), AR100: of(func(s *Stats) float64 { return s.AR100 }),
		ARs: of(func(s *Stats) float64 { return s.ARs }), ARm: of(func(s *Stats) float64 { return s.ARm }), ARl: of(func(s *Stats) float64 { return s.ARl }),
	}
}

// mean is over the classes that have the figure, or -1.
func mean(classes []Class, of func(*Class) float64) float64 {
	sum, n := 0.0, 0
	for i := range classes {
		if x := of(&classes[i]); x > -1 {
			sum, n = sum+x, n+1
		}
	}
	if n == 0 {
		return -1
	}
	return sum / float64(n)
}

// distinct gives a list by ascending id, the last of those that share one.
func distinct[T any](list []T, id func(T) int64) []T {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b T) int { return cmp.Compare(id(a), id(b)) })
	var out []T
	for i, x := range sorted {
		if i+1 == len(sorted) || id(sorted[i+1]) != id(x) {
			out = append(out, x)
		}
	}
	return out
}

// grouped is elements by ascending image, and the image of each.
type grouped[T any] struct {
	list  []T
	image []int32
}

func (g *grouped[T]) first() int32 {
	if len(g.image) == 0 {
		return 1<<31 - 1
	}
	return g.image[0]
}

// take takes the elements of an image off the front.
func (g *grouped[T]) take(image int32) []T {
	n := 0
	for n < len(g.image) && g.image[n] == image {
		n++
	}
	list := g.list[:n]
	g.list, g.image = g.list[n:], g.image[n:]
	return list
}

// groups are all elements by category, then image, then as they came.
type groups[T any] struct {
	grouped[T]
	start []int // of each category
}

func (g *groups[T]) class(c int) grouped[T] {
	return grouped[T]{g.list[g.start[c]:g.start[c+1]], g.image[g.start[c]:g.start[c+1]]}
}

// groupBy sorts by counting: first by image, then, stably, by category.
func groupBy[T any](images, categories int, list []T, at func(*T) (image, category int, ok bool)) groups[T] {
	type place struct{ image, category, index int32 }
	places := make([]place, 0, len(list))
	perImage := make([]int, images+1)
	for i := range list {
		if image, category, ok := at(&list[i]); ok {
			places = append(places, place{int32(image), int32(category), int32(i)})
			perImage[image+1]++
		}
	}
	for i := range images {
		perImage[i+1] += perImage[i]
	}
	byImage := make([]place, len(places))
	for _, p := range places {
		byImage[perImage[p.image]] = p
		perImage[p.image]++
	}
	g := groups[T]{grouped[T]{make([]T, len(places)), make([]int32, len(places))}, make([]int, categories+1)}
	for _, p := range places {
		g.start[p.category+1]++
	}
	for c := range categories {
		g.start[c+1] += g.start[c]
	}
	next := slices.Clone(g.start)
	for _, p := range byImage {
		g.list[next[p.category]], g.image[next[p.category]] = list[p.index], p.image
		next[p.category]++
	}
	return g
}
