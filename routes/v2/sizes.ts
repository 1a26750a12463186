import { priceFilters, rangeOf, Size, SizePage } from '../../openapi/model/index.ts'
import { collectionRoutes } from '../collection.ts'

export default collectionRoutes({
  service: 'sizes',
  name: 'Size',
  tag: 'Sizes',
  singular: 'size',
  plural: 'sizes',
  model: Size,
  page: SizePage,
  filters: {
    ...rangeOf('vcpus', 'vCPUs'),
    ...rangeOf('ram', 'MiB of memory'),
    ...rangeOf('disk', 'GiB of disk'),
    ...priceFilters
  }
})
