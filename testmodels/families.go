package testmodels

// Families lists the families, each with all its knobs.
func Families() []Family {
	return []Family{
		family[SSD]("ssd"),
		family[Ultraface]("ultraface"),
		family[RetinaNet]("retinanet"),
		family[YuNet]("yunet"),
		family[SCRFD]("scrfd"),
		family[HandedOut]("handed out"),
	}
}
