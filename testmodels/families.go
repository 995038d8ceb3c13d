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
		family[YOLO]("yolo"),
		family[RawMaps]("raw maps"),
		family[CellClasses]("cell classes"),
		family[FusedMaps]("fused maps"),
	}
}
