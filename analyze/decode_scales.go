package analyze

import (
	"anchorc/onnxir"
	"anchorc/onnxir/interp"
)

// channelScales reads by what channels are scaled and shifted in front of the
// values that numbers are taken from: from zeros and ones.
func (f *decodeFinder) channelScales() error {
	for l := range f.found.Levels {
		level := &f.found.Levels[l]
		level.Scales = make([]*ChannelScale, len(level.Taken))
		for i, c := range f.d.Head.Levels[l].Convs {
			v := c.Node.Out(0)
			if v == level.Taken[i] {
				continue
			}
			zero, err := f.scaled(v, level.Taken[i], 0)
			if err != nil {
				return err
			}
			one, err := f.scaled(v, level.Taken[i], 1)
			if err != nil {
				return err
			}
			s := &ChannelScale{}
			cells := f.d.Head.Levels[l].Height * f.d.Head.Levels[l].Width
			for ch := range c.Channels {
				s.Scale = append(s.Scale, one[ch*cells]-zero[ch*cells])
				s.Shift = append(s.Shift, zero[ch*cells])
			}
			level.Scales[i] = s
		}
	}
	return nil
}

// scaled gives what a map becomes, in float64, where it holds one number throughout.
func (f *decodeFinder) scaled(v, taken *onnxir.Value, x float64) ([]float64, error) {
	like := f.d.Tail.Shapes[v]
	numbers := make([]float64, like.Len())
	for i := range numbers {
		numbers[i] = x
	}
	seeds := interp.Env{v: interp.Known(onnxir.Double, like.Shape, numbers)}
	env, err := f.d.Tail.Run(f.ctx, interp.Machine{Wide: true}, seeds, []*onnxir.Value{taken}, nil)
	if err != nil {
		return nil, err
	}
	return env[taken].Floats()
}
